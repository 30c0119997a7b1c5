#include "hermitage/vmm/error.hpp"

#include <cstring>

#include <fmt/format.h>

namespace hermitage::vmm {

auto Error::name() const noexcept -> std::string_view {
  using enum ErrorCode;
  switch (code) {
    case configuration: return "configuration";
    case image: return "image";
    case kvm_missing: return "kvm_missing";
    case kvm_permission: return "kvm_permission";
    case kvm_failed: return "kvm_failed";
    case host_failed: return "host_failed";
  }
  return "unknown";
}

auto system_failure(std::string_view what, int error_number) -> std::unexpected<Error> {
  return fail(ErrorCode::host_failed, fmt::format("{}: {}", what, std::strerror(error_number)));
}

}  // namespace hermitage::vmm
