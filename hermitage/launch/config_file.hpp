// Uhyve's configuration file: TOML with the sections [uhyve], [memory], [cpu] and [guest].
#pragma once

#include <string>
#include <vector>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_options.hpp"

namespace hermitage::launch {

// Reads a file, or standard input for "-". Unknown keys are warnings. Warnings name the path, the line and the
// column; so does the subject of a failure, if the file can be read. A failure is always of the code usage.
[[nodiscard]] auto read_config_file(const std::string& path, std::vector<std::string>& warnings)
    -> OrFailure<LaunchOptions>;

}  // namespace hermitage::launch
