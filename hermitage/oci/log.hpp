// Errors for container engines, which read them from the file of the option --log.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

#include "hermitage/oci/command_line.hpp"

namespace hermitage::oci {

// A line of runc's log: as JSON with --log-format json, else in the format of logrus. `time` is in seconds since 1970.
[[nodiscard]] auto log_line(std::string_view format, std::string_view message, std::time_t time) -> std::string;

// Appends the message to the log that the command line names, if it does, and prints it on standard error.
void report_error(const CommandLine& line, std::string_view message);

}  // namespace hermitage::oci
