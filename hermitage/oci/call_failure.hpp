// The error of a system call, as a sentence.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace hermitage::oci {

// "CALL: DESCRIPTION", with the description of errno.
[[nodiscard]] inline auto call_failure(std::string_view call) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{}: {}", call, std::strerror(errno))};
}

}  // namespace hermitage::oci
