// hermitage: the command line.
#include <algorithm>
#include <exception>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "hermitage/cli/command.hpp"
#include "hermitage/cli/output.hpp"

namespace hermitage::cli {
namespace {

// CLI11 words its errors over several lines at times; users get one.
auto one_line(std::string text) -> std::string {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (auto& character : text) {
    if (character == '\n') character = ' ';
  }
  return text;
}

// The command line as CLI11 reads it right.
auto words_of(const std::vector<std::string>& given) -> std::vector<std::string> {
  // What follows these is meant for others, even where it begins as an option of ours does.
  constexpr std::string_view kTakeAnything[] = {"--kernel-arg", "--app-arg", "--env"};
  std::vector<std::string> words;
  bool is_joined = false;
  bool has_options = true;
  for (const auto& word : given) {
    has_options = has_options && word != "--";
    if (is_joined) {
      words.back() += "=" + word;
    } else if (word.starts_with('[') && word.ends_with(']')) {
      words.push_back("./" + word);  // "[a,b]" would be a list of two; here it is a file of that name
    } else {
      words.push_back(word);
    }
    is_joined = !is_joined && has_options && std::ranges::find(kTakeAnything, word) != std::end(kTakeAnything);
  }
  return words;
}

auto print_or_complain(std::string_view text) -> ExitCode {
  const auto printed = print(text);
  if (printed) return ExitCode::good;
  complain("standard output", printed.error());
  return ExitCode::usage;
}

auto complain_of_usage(const CLI::App& program, std::string message) -> ExitCode {
  std::string commands;
  for (auto given = program.get_subcommands(); !given.empty(); given = given.front()->get_subcommands()) {
    commands += given.front()->get_name() + " ";
  }
  complain({}, fmt::format("{}; see hermitage {}--help", one_line(std::move(message)), commands));
  return ExitCode::usage;
}

auto run(int argc, char** argv) -> ExitCode {
  if (argc > 1 && std::string_view{argv[1]} == "run") return run_guest({argv + 2, argv + argc});

  CLI::App program{"Where Hermit kernels live: parse, show, load, pack and run Hermit unikernel images", "hermitage"};
  program.set_version_flag("--version", "hermitage " HERMITAGE_VERSION);
  program.require_subcommand(1);
  program.footer(
      "See hermitage(1), and hermitage COMMAND --help for each command.\n"
      "Exit status: 0 all good; 1 a file is not what it should be; 2 wrong usage or a file that cannot be "
      "read.");
  const std::vector<std::pair<std::string, Command>> commands{{"doctor", add_doctor(program)},
                                                              {"image", add_image(program)},
                                                              {"inspect", add_inspect(program)},
                                                              {"load", add_load(program)}};
  program.add_subcommand("run", kRunDescription);
  auto words = words_of({argv + std::min(argc, 1), argv + argc});
  std::ranges::reverse(words);  // as CLI11 wants them
  try {
    program.parse(std::move(words));
  } catch (const CLI::CallForVersion&) {
    return print_or_complain("hermitage " HERMITAGE_VERSION "\n");
  } catch (const CLI::CallForHelp&) {
    return print_or_complain(program.help());
  } catch (const CLI::RequiredError& error) {
    if (!program.get_subcommands().empty()) return complain_of_usage(program, error.what());
    // CLI11 only says that one is missing, even where something is there that it does not know.
    const auto unknown = program.remaining();
    if (unknown.empty()) return complain_of_usage(program, "a command is needed");
    const auto* kind = unknown.front().starts_with('-') ? "option" : "command";
    return complain_of_usage(program, fmt::format("there is no {} '{}'", kind, unknown.front()));
  } catch (const CLI::ParseError& error) {
    return complain_of_usage(program, error.what());
  }
  for (const auto& [name, command] : commands) {
    if (program.got_subcommand(name)) return command();
  }
  return ExitCode::usage;
}

}  // namespace
}  // namespace hermitage::cli

auto main(int argc, char** argv) -> int {
  try {
    return static_cast<int>(hermitage::cli::run(argc, argv));
  } catch (const std::exception& error) {
    hermitage::cli::complain({}, error.what());
    return static_cast<int>(hermitage::cli::ExitCode::usage);
  }
}
