// Uhyve's configuration file: TOML with the sections [uhyve], [memory], [cpu] and [guest].
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "hermitage/launch/launch_options.hpp"

namespace hermitage::launch {

// Reads a file, or standard input for "-". Unknown keys are warnings. Errors and warnings name the path, the line and
// the column.
[[nodiscard]] auto read_config_file(const std::string& path, std::vector<std::string>& warnings)
    -> std::expected<LaunchOptions, std::string>;

}  // namespace hermitage::launch
