#include "hermitage/vmm/error.hpp"

#include <cstring>

#include <fmt/format.h>

namespace hermitage::vmm {

auto system_failure(std::string_view what, int error_number) -> std::unexpected<Error> {
  return fail(ErrorCode::host_failed, fmt::format("{}: {}", what, std::strerror(error_number)));
}

}  // namespace hermitage::vmm
