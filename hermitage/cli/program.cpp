#include "hermitage/cli/program.hpp"

#include <array>
#include <utility>

#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/version.h"

namespace hermitage::cli {
namespace {

constexpr CommandGroup kProgram{
    .name = "",
    .description = "Inspect, pack and run Hermit unikernels",
    .commands = kCommands,
    .epilogue =
        "hermitage help COMMAND describes a command; see also hermitage(1).\n"
        "Exit status: 0 success; 1 a file is invalid; 2 wrong usage, or a file cannot be read or written.",
    .version = "hermitage " HERMITAGE_VERSION_STRING "\n"};

constexpr const char* kFirstSteps =
    "hermitage inspects, packs and runs Hermit unikernels.\n"
    "\n"
    "  hermitage doctor\n"
    "      Check whether this host can run Hermit kernels\n"
    "  hermitage run -m 128M hello_world\n"
    "      Run a kernel or a packed image in a virtual machine\n"
    "  hermitage inspect hello_world\n"
    "      Report what is in a kernel or an image, and whether it can be loaded\n"
    "  hermitage image create -o hello.tar.gz --kernel hello_world files/\n"
    "      Pack a kernel, its arguments and its files into one image\n"
    "\n"
    "hermitage --help lists all commands, hermitage help COMMAND describes one.\n";

struct NoValues {};
constexpr std::array<OptionOf<NoValues>, 0> kHelpOptions{};
constexpr Operand kHelpOperands[] = {{"COMMAND", "a command, and its subcommand if it has any; none for all commands",
                                      Operand::Count::any, one_of("debug doctor image inspect load run snapshot")}};
constexpr CommandText kHelpText{.name = "help",
                                .description = "Print the help of a command",
                                .operands = kHelpOperands,
                                .epilogue = "Exit status: 0 printed; 2 there is no such command."};

}  // namespace

auto describe_help() -> CommandDescription {
  return describe<kHelpOptions>(kHelpOperands);
}

auto run_help(const Words& words) -> ExitCode {
  NoValues values;
  auto command = parse_command<kHelpOptions>(kHelpText, words, values);
  if (!command) return command.error();
  command->emplace_back("--help");
  return run_one_of(kProgram, std::move(*command));
}

auto run_program(const Words& arguments) -> ExitCode {
  if (arguments.empty()) {
    print_error(kFirstSteps);
    return ExitCode::usage;
  }
  return run_one_of(kProgram, arguments);
}

}  // namespace hermitage::cli
