#include "hermitage/entry/arch.hpp"

#include "hermitage/entry/elf.hpp"

namespace hermitage::entry {

auto arch_of_machine(std::uint16_t e_machine) noexcept -> std::optional<Arch> {
  switch (e_machine) {
    case elf::kMachineX86_64: return Arch::x86_64;
    case elf::kMachineAarch64: return Arch::aarch64;
    case elf::kMachineRiscv: return Arch::riscv64;
    default: return std::nullopt;
  }
}

auto name(Arch arch) noexcept -> std::string_view {
  switch (arch) {
    case Arch::x86_64: return "x86_64";
    case Arch::aarch64: return "aarch64";
    case Arch::riscv64: return "riscv64";
  }
  return "unknown";
}

auto name(Endian endian) noexcept -> std::string_view {
  return endian == Endian::little ? "little" : "big";
}

auto supports(Arch arch, Endian endian) noexcept -> bool {
  return endian == Endian::little || arch == Arch::aarch64;
}

}  // namespace hermitage::entry
