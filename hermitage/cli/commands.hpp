// The commands of the program.
#pragma once

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/options.hpp"

namespace hermitage::cli {

[[nodiscard]] auto describe_doctor() -> CommandDescription;
[[nodiscard]] auto describe_image() -> CommandDescription;
[[nodiscard]] auto describe_inspect() -> CommandDescription;
[[nodiscard]] auto describe_load() -> CommandDescription;
[[nodiscard]] auto describe_run() -> CommandDescription;

inline constexpr NamedCommand kCommands[] = {
    {"doctor", "Say what of this host works for running Hermit kernels", run_doctor, describe_doctor},
    {"image", "Pack, list, unpack and check Hermit images", run_image, describe_image},
    {"inspect", "Show what is in a Hermit kernel or image", run_inspect, describe_inspect},
    {"load", "Load the kernel of a file or an image as a loader would, and look at the result", run_load,
     describe_load},
    {"run", "Run a Hermit kernel or image in a virtual machine", run_guest, describe_run}};

// What the program itself takes, and its commands.
[[nodiscard]] inline auto describe_program() -> CommandDescription {
  return describe(CommandGroup{.name = "", .description = "", .commands = kCommands, .epilogue = "", .version = ""});
}

}  // namespace hermitage::cli
