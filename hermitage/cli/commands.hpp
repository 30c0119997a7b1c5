// The commands of the program.
#pragma once

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/options.hpp"

namespace hermitage::cli {

[[nodiscard]] auto describe_debug() -> CommandDescription;
[[nodiscard]] auto describe_doctor() -> CommandDescription;
[[nodiscard]] auto describe_help() -> CommandDescription;
[[nodiscard]] auto describe_image() -> CommandDescription;
[[nodiscard]] auto describe_inspect() -> CommandDescription;
[[nodiscard]] auto describe_load() -> CommandDescription;
[[nodiscard]] auto describe_run() -> CommandDescription;
[[nodiscard]] auto describe_snapshot() -> CommandDescription;

inline constexpr NamedCommand kCommands[] = {
    {"debug", "Run a Hermit kernel or image, with a debugger connected to it", run_debug, describe_debug},
    {"doctor", "Check whether this host can run Hermit kernels", run_doctor, describe_doctor},
    {"help", "Print the help of a command", run_help, describe_help},
    {"image", "Pack, list, unpack and check Hermit images", run_image, describe_image},
    {"inspect", "Report what is in a Hermit kernel or image", run_inspect, describe_inspect},
    {"load", "Load a kernel as a boot loader would, and print where its parts are", run_load, describe_load},
    {"run", "Run a Hermit kernel or image in a virtual machine", run_guest, describe_run},
    {"snapshot", "Save a running guest to a file from which it can continue", run_snapshot, describe_snapshot}};

// Options and commands of the program.
[[nodiscard]] inline auto describe_program() -> CommandDescription {
  return describe(CommandGroup{.name = "", .description = "", .commands = kCommands, .epilogue = "", .version = ""});
}

}  // namespace hermitage::cli
