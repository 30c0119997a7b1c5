// A configuration, with the position that later problems refer to.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "hermitage/image/config.hpp"

namespace hermitage::image {

struct ConfigSource {
  Config config;
  std::uint32_t kernel_line = 0;  // position of the value of `kernel`
  std::uint32_t kernel_column = 0;
};

[[nodiscard]] auto read_config_source(std::string_view toml, std::vector<Problem>& warnings, std::string_view file)
    -> std::expected<ConfigSource, Problem>;

// The problem of a configuration of more than kMaxConfigSize bytes.
[[nodiscard]] auto config_too_large(std::string_view file) -> Problem;

// The problem of a configuration whose kernel does not exist, or is a directory.
[[nodiscard]] auto kernel_problem(const ConfigSource& source, bool is_directory, std::string_view file) -> Problem;

}  // namespace hermitage::image
