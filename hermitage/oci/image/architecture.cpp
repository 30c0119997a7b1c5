#include "hermitage/oci/image/architecture.hpp"

namespace hermitage::oci {

auto architecture_name(entry::Arch arch) -> std::string_view {
  switch (arch) {
    case entry::Arch::x86_64: return "amd64";
    case entry::Arch::aarch64: return "arm64";
    case entry::Arch::riscv64: return "riscv64";
  }
  return {};
}

auto host_architecture() -> std::string_view {
#if defined(__x86_64__)
  return architecture_name(entry::Arch::x86_64);
#elif defined(__aarch64__)
  return architecture_name(entry::Arch::aarch64);
#elif defined(__riscv)
  return architecture_name(entry::Arch::riscv64);
#else
  return {};
#endif
}

}  // namespace hermitage::oci
