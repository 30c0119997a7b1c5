// hermitage: the command line.
#include <algorithm>
#include <csignal>
#include <exception>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"

namespace hermitage::cli {
namespace {

constexpr CommandGroup kProgram{
    .name = "",
    .description = "Where Hermit kernels live: parse, show, load, pack and run Hermit unikernel images",
    .commands = kCommands,
    .epilogue =
        "See hermitage(1), and hermitage COMMAND --help for each command.\n"
        "Exit status: 0 all good; 1 a file is not what it should be; 2 wrong usage or a file that cannot be "
        "read.",
    .version = "hermitage " HERMITAGE_VERSION "\n"};

}  // namespace
}  // namespace hermitage::cli

auto main(int argc, char** argv) -> int {
  using namespace hermitage::cli;
  process_start();
  occupy_closed_streams();
  // A limit on file sizes is an error of a write, and told as such.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return static_cast<int>(run_one_of(kProgram, {argv + std::min(argc, 1), argv + argc}));
  } catch (const std::exception& error) {
    complain({}, error.what());
    return static_cast<int>(ExitCode::usage);
  }
}
