#include "hermitage/vmm/snapshot/machine_number.hpp"

#include <fmt/format.h>

namespace hermitage::vmm::snapshot {

auto machine_number(entry::Arch arch) noexcept -> std::uint32_t {
  switch (arch) {
    case entry::Arch::x86_64: return 62;
    case entry::Arch::aarch64: return 183;
    case entry::Arch::riscv64: return 243;
  }
  return 0;
}

auto machine_name(std::uint32_t number) -> std::string {
  const auto arch = number <= UINT16_MAX ? entry::arch_of_machine(static_cast<std::uint16_t>(number)) : std::nullopt;
  if (arch) return std::string{entry::name(*arch)};
  return fmt::format("machine number {}", number);
}

}  // namespace hermitage::vmm::snapshot
