// `exec` for a Hermit container: a command for its guest.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hermitage/oci/command_line.hpp"

namespace hermitage::oci {

// What an engine asks exec for.
struct ExecRequest {
  std::vector<std::string> words = {};  // the process and its arguments
  bool has_terminal = false;
  bool detaches = false;
  std::string pid_file = {};  // for the process ID in decimal; empty: none
};

// Reads the command line, and the file of its option --process. The error is a sentence.
[[nodiscard]] auto read_exec_request(const CommandLine& line) -> std::expected<ExecRequest, std::string>;

// Does what is asked for, with the process `monitor`, and returns the exit status. If the request detaches, a child
// process does it, and this one returns when the file with the child's ID is complete. The error is a sentence; the
// child prints errors on standard error.
[[nodiscard]] auto exec_in_guest(const ExecRequest& request, pid_t monitor) -> std::expected<int, std::string>;

}  // namespace hermitage::oci
