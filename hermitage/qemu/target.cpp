#include "hermitage/qemu/target.hpp"

#include <fmt/format.h>

namespace hermitage::qemu {

auto name(Target target) -> std::string_view {
  return target.endian == entry::Endian::big ? "aarch64_be" : entry::name(target.arch);
}

auto program_name(Target target) -> std::string {
  return fmt::format("qemu-system-{}", entry::name(target.arch));
}

auto package_name(Target target) -> std::string_view {
  switch (target.arch) {
    case entry::Arch::x86_64: return "qemu-system-x86";
    case entry::Arch::aarch64: return "qemu-system-arm";
    case entry::Arch::riscv64: return "qemu-system-misc";
  }
  return {};
}

auto loader_name(Target target) -> std::string {
  return fmt::format("hermitage-loader-{}", name(target));
}

}  // namespace hermitage::qemu
