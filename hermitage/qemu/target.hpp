// The target of a kernel, and its names in QEMU, in Debian and in file names of loaders.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "hermitage/entry/arch.hpp"

namespace hermitage::qemu {

struct Target {
  entry::Arch arch;
  entry::Endian endian = entry::Endian::little;

  friend auto operator==(const Target&, const Target&) -> bool = default;
};

// All targets of Hermit.
inline constexpr std::array kTargets{Target{entry::Arch::x86_64}, Target{entry::Arch::aarch64},
                                     Target{entry::Arch::aarch64, entry::Endian::big}, Target{entry::Arch::riscv64}};

// "x86_64", "aarch64", "aarch64_be" or "riscv64".
[[nodiscard]] auto name(Target target) -> std::string_view;

// The emulator, such as "qemu-system-aarch64", and its Debian package.
[[nodiscard]] auto program_name(Target target) -> std::string;
[[nodiscard]] auto package_name(Target target) -> std::string_view;

// The boot loader for QEMU's -kernel, such as "hermitage-loader-aarch64_be".
[[nodiscard]] auto loader_name(Target target) -> std::string;

}  // namespace hermitage::qemu
