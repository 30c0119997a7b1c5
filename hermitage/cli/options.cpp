#include "hermitage/cli/options.hpp"

#include <algorithm>
#include <array>

#include "hermitage/cli/output.hpp"

namespace hermitage::cli {
namespace {

constexpr OptionText kHelp{'h', "help", nullptr, "print this"};

// What getopt_long gives for an option that has no letter, or was given by its name: its index, above all letters.
constexpr int kFirstOption = 256;

constexpr std::size_t kHelpColumn = 28;

auto has_argument(const OptionText& option) -> int {
  if (option.help == nullptr) return optional_argument;
  return option.argument == nullptr ? no_argument : required_argument;
}

auto letters_of(std::span<const OptionText> options, Order order) -> std::string {
  std::string letters = order == Order::options_first ? "+:" : ":";  // the colon leaves complaints to us
  for (const auto& option : options) {
    if (option.letter == 0) continue;
    letters += option.letter;
    if (has_argument(option) != no_argument) letters += has_argument(option) == required_argument ? ":" : "::";
  }
  return letters;
}

auto names_of(std::span<const OptionText> options) -> std::vector<option> {
  std::vector<option> names;
  names.reserve(options.size() + 1);
  for (const auto& one : options) {
    names.push_back({one.name, has_argument(one), nullptr, kFirstOption + static_cast<int>(names.size())});
  }
  names.push_back({});
  return names;
}

auto line_of_help(std::string_view what, std::string_view help) -> std::string {
  return fmt::format("  {:<{}} {}\n", what, kHelpColumn, help);
}

auto usage_of(const Operand& operand) -> std::string {
  return operand.count == Operand::Count::one ? operand.name : fmt::format("[{}...]", operand.name);
}

struct GroupOptions {
  bool wants_version = false;
};

constexpr std::array kGroupOptions{OptionOf<GroupOptions>{0, "version", nullptr, "print the version of the program",
                                                          set<&GroupOptions::wants_version>}};

auto options_of(const CommandGroup& group) -> std::span<const OptionOf<GroupOptions>> {
  return std::span{kGroupOptions}.first(group.version == nullptr ? 0 : kGroupOptions.size());
}

auto help_of(const CommandGroup& group) -> std::string {
  auto help = fmt::format("{}\nUsage: hermitage{}{} [OPTIONS] COMMAND\n\nOptions:\n{}\nCommands:\n", group.description,
                          *group.name == '\0' ? "" : " ", group.name, options_help(texts_of(options_of(group))));
  for (const auto& command : group.commands) help += line_of_help(command.name, command.description);
  return fmt::format("{}\n{}\n", help, group.epilogue);
}

}  // namespace

OptionReader::OptionReader(std::vector<OptionText> options, Words& words, Order order) : options_{std::move(options)} {
  static char program[] = "hermitage";  // getopt(3) skips a first word
  options_.push_back(kHelp);
  letters_ = letters_of(options_, order);
  names_ = names_of(options_);
  arguments_.push_back(program);
  for (auto& word : words) arguments_.push_back(word.data());
  arguments_.push_back(nullptr);
}

auto OptionReader::next() -> std::expected<std::optional<Found>, std::string> {
  const int count = static_cast<int>(arguments_.size()) - 1;
  opterr = 0;
  if (next_ == 0) optind = 0;  // glibc's way to say: from the beginning
  for (;;) {
    const int found = ::getopt_long(count, arguments_.data(), letters_.c_str(), names_.data(), nullptr);
    next_ = optind;
    if (found == -1) return std::nullopt;
    if (found == '?' || found == ':') return std::unexpected{complaint(found)};
    const auto index = index_of(found);
    if (index < options_.size() - 1) return Found{.index = index, .argument = optarg};
    wants_help_ = true;
  }
}

auto OptionReader::operands() const -> Words {
  return {arguments_.begin() + next_, arguments_.end() - 1};
}

auto OptionReader::index_of(int found) const -> std::size_t {
  if (found >= kFirstOption) return static_cast<std::size_t>(found - kFirstOption);
  const auto option = std::ranges::find(options_, found, &OptionText::letter);
  return static_cast<std::size_t>(option - options_.begin());
}

auto OptionReader::complaint(int found) const -> std::string {
  const auto index = optopt == 0 ? options_.size() : index_of(optopt);
  if (index < options_.size()) {
    const auto& [letter, name, argument, help] = options_[index];
    return found == ':' ? fmt::format("--{} needs a {}", name, argument) : fmt::format("--{} takes no value", name);
  }
  if (optopt != 0) return fmt::format("there is no option '-{}'", static_cast<char>(optopt));
  return fmt::format("there is no option '{}'", arguments_[static_cast<std::size_t>(next_ - 1)]);
}

auto complaint_of(const char* name, const char* argument, std::string_view why) -> std::string {
  return argument == nullptr ? fmt::format("--{}: {}", name, why) : fmt::format("--{} '{}': {}", name, argument, why);
}

auto options_help(std::vector<OptionText> options) -> std::string {
  options.push_back(kHelp);
  std::string text;
  for (const auto& [letter, name, argument, help] : options) {
    if (help == nullptr) continue;
    const auto letters = letter == 0 ? std::string{"    "} : fmt::format("-{}, ", letter);
    const auto value = argument == nullptr ? std::string{} : fmt::format(" {}", argument);
    text += line_of_help(fmt::format("{}--{}{}", letters, name, value), help);
  }
  return text;
}

auto help_of(const CommandText& text, std::vector<OptionText> options) -> std::string {
  auto help = fmt::format("{}\nUsage: hermitage {} [OPTIONS]", text.description, text.name);
  for (const auto& operand : text.operands) help += " " + usage_of(operand);
  help += '\n';
  if (!text.operands.empty()) help += "\nOperands:\n";
  for (const auto& operand : text.operands) help += line_of_help(usage_of(operand), operand.help);
  return fmt::format("{}\nOptions:\n{}\n{}\n", help, options_help(std::move(options)), text.epilogue);
}

auto check_operands(const CommandText& text, const Words& operands) -> Outcome {
  const auto is_one = [](const Operand& operand) { return operand.count == Operand::Count::one; };
  const auto needed = static_cast<std::size_t>(std::ranges::count_if(text.operands, is_one));
  if (operands.size() < needed) {
    return std::unexpected{fmt::format("{} needs a {}", text.name, text.operands[operands.size()].name)};
  }
  if (operands.size() > needed && needed == text.operands.size()) {
    return std::unexpected{fmt::format("{} takes no '{}' besides", text.name, operands[needed])};
  }
  return {};
}

auto print_or_complain(std::string_view text) -> ExitCode {
  const auto printed = print(text);
  if (printed) return ExitCode::good;
  complain("standard output", printed.error());
  return ExitCode::usage;
}

auto complain_of_usage(const char* command, std::string_view message) -> ExitCode {
  complain({}, fmt::format("{}; see hermitage {}{}--help", message, command, *command == '\0' ? "" : " "));
  return ExitCode::usage;
}

auto run_one_of(const CommandGroup& group, Words words) -> ExitCode {
  GroupOptions options;
  auto parsed = parse_options(options_of(group), words, Order::options_first, options);
  if (!parsed) return complain_of_usage(group.name, parsed.error());
  if (parsed->wants_help) return print_or_complain(help_of(group));
  if (options.wants_version) return print_or_complain(group.version);
  auto& operands = parsed->operands;
  if (operands.empty()) return complain_of_usage(group.name, "a command is needed");
  const auto command = std::ranges::find(group.commands, operands.front(), &NamedCommand::name);
  if (command == group.commands.end()) {
    return complain_of_usage(group.name, fmt::format("there is no command '{}'", operands.front()));
  }
  operands.erase(operands.begin());
  return command->run(operands);
}

}  // namespace hermitage::cli
