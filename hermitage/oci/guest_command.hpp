// Commands for the guest of a running Hermit container: `exec CONTAINER stats` and others.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <vector>

#include <sys/types.h>

#include "hermitage/base/control.hpp"

namespace hermitage::oci {

struct GuestCommand {
  base::ControlCommand command = base::ControlCommand::stats;
  std::string name = {};  // of the command
  std::string file = {};  // for a snapshot: the path of the new file in the container, absolute
};

// Reads the arguments of exec. The error is a sentence: any other program, or a wrong number of arguments.
[[nodiscard]] auto parse_guest_command(const std::vector<std::string>& words)
    -> std::expected<GuestCommand, std::string>;

// Sends the command to the monitor, which is the process `monitor` and is not trusted. Returns its answer, which is at
// most 4 MiB of printable text in lines. The error is a sentence. A file for a snapshot must not exist; it is created
// in the container's file system, and removed after a failure. Waits at most `time` to be connected, and as long for
// the whole answer; for that to a snapshot, which takes as long as its file system does, at most a day.
[[nodiscard]] auto send_guest_command(pid_t monitor, const GuestCommand& command,
                                      std::chrono::milliseconds time = std::chrono::seconds{10})
    -> std::expected<std::string, std::string>;

}  // namespace hermitage::oci
