#include "hermitage/cli/options.hpp"

#include <algorithm>
#include <array>

#include "hermitage/cli/output.hpp"
#include "hermitage/cli/suggestion.hpp"

namespace hermitage::cli {
namespace {

constexpr std::size_t kHelpColumn = 28;

auto line_of_help(std::string_view what, std::string_view help) -> std::string {
  return fmt::format("  {:<{}} {}\n", what, kHelpColumn, help);
}

// "(did you mean NAME?)", with a space before it; or nothing.
auto suggestion_for(std::string_view word, std::string_view prefix, std::span<const std::string_view> names)
    -> std::string {
  const auto name = nearest(word, names);
  return name ? fmt::format(" (did you mean {}{}?)", prefix, *name) : std::string{};
}

auto usage_of(const Operand& operand) -> std::string {
  return operand.count == Operand::Count::one ? operand.name : fmt::format("[{}...]", operand.name);
}

struct GroupOptions {
  bool wants_version = false;
};

constexpr std::array kGroupOptions{OptionOf<GroupOptions>{0, "version", nullptr, "print the version of the program",
                                                          set<&GroupOptions::wants_version>}};

constexpr std::array<OptionOf<GroupOptions>, 0> kNoOptions{};

auto options_of(const CommandGroup& group) -> std::span<const OptionOf<GroupOptions>> {
  if (group.version == nullptr) return kNoOptions;
  return kGroupOptions;
}

auto parse_options_of(const CommandGroup& group, Words& words, GroupOptions& options) {
  return group.version == nullptr ? parse_options<kNoOptions>(words, Order::options_first, options)
                                  : parse_options<kGroupOptions>(words, Order::options_first, options);
}

auto help_of(const CommandGroup& group) -> std::string {
  auto help = fmt::format("{}\nUsage: hermitage{}{} [OPTIONS] COMMAND\n\nOptions:\n{}\nCommands:\n", group.description,
                          *group.name == '\0' ? "" : " ", group.name, options_help(texts_of(options_of(group))));
  for (const auto& command : group.commands) help += line_of_help(command.name, command.description);
  return fmt::format("{}\n{}\n", help, group.epilogue);
}

}  // namespace

OptionReader::OptionReader(std::span<const option> names, const char* letters,
                           const char* (*argument_of)(std::size_t index), Words& words, Order order)
    : names_{names.first(names.size() - 1)},
      letters_{order == Order::options_first ? letters : letters + 1},
      argument_of_{argument_of} {
  static char program[] = "hermitage";  // getopt(3) skips a first word
  arguments_.reserve(words.size() + 2);
  arguments_.push_back(program);
  for (auto& word : words) arguments_.push_back(word.data());
  arguments_.push_back(nullptr);
}

auto OptionReader::next() -> std::expected<std::optional<Found>, std::string> {
  const int count = static_cast<int>(arguments_.size()) - 1;
  opterr = 0;
  if (next_ == 0) optind = 0;  // makes glibc start from the beginning
  for (;;) {
    int long_option = -1;
    const int found = ::getopt_long(count, arguments_.data(), letters_, names_.data(), &long_option);
    next_ = optind;
    if (found == -1) return std::nullopt;
    if (found == '?' || found == ':') return std::unexpected{complaint(found)};
    const auto index = index_of(found);
    if (long_option != -1 && is_abbreviated(names_[index].name)) return std::unexpected{unknown_option()};
    if (index < names_.size() - 1) return Found{.index = index, .argument = optarg};
    wants_help_ = true;
  }
}

auto OptionReader::operands() const -> Words {
  return {arguments_.begin() + next_, arguments_.end() - 1};
}

auto OptionReader::index_of(int found) const -> std::size_t {
  return static_cast<std::size_t>(std::ranges::find(names_, found, &option::val) - names_.begin());
}

auto OptionReader::last_word() const -> std::string_view {
  const std::string_view last{arguments_[static_cast<std::size_t>(next_ - 1)]};
  const bool is_argument = optarg != nullptr && optarg == last.data();
  return is_argument ? arguments_[static_cast<std::size_t>(next_ - 2)] : last;
}

auto OptionReader::is_abbreviated(const char* name) const -> bool {
  auto word = last_word();
  if (!word.starts_with("--")) return false;
  word.remove_prefix(2);
  return word.substr(0, word.find('=')) != name;
}

auto OptionReader::unknown_option() const -> std::string {
  const auto word = last_word();
  std::vector<std::string_view> names;
  for (const auto& name : names_) names.emplace_back(name.name);
  const auto bare = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  return fmt::format("unknown option '{}'{}", word, suggestion_for(bare.substr(0, bare.find('=')), "--", names));
}

auto OptionReader::complaint(int found) const -> std::string {
  const auto index = optopt == 0 ? names_.size() : index_of(optopt);
  if (index < names_.size()) {
    const auto* const name = names_[index].name;
    if (is_abbreviated(name)) return unknown_option();
    return found == ':' ? fmt::format("--{} requires a value: --{} {}", name, name, argument_of_(index))
                        : fmt::format("--{} takes no value", name);
  }
  if (optopt != 0) return fmt::format("unknown option '-{}'", static_cast<char>(optopt));
  return unknown_option();
}

auto complaint_of(const char* name, const char* argument, std::string_view why) -> std::string {
  return argument == nullptr ? fmt::format("--{}: {}", name, why) : fmt::format("--{} '{}': {}", name, argument, why);
}

auto listed(std::vector<OptionText> options) -> std::vector<OptionText> {
  std::erase_if(options, [](const OptionText& option) { return option.help == nullptr; });
  options.push_back(kHelp);
  return options;
}

auto describe(const CommandGroup& group) -> CommandDescription {
  return {.options = listed(texts_of(options_of(group))), .commands = group.commands};
}

auto options_help(std::vector<OptionText> options) -> std::string {
  std::string text;
  for (const auto& [letter, name, argument, help, completion, repeats] : listed(std::move(options))) {
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
    return std::unexpected{fmt::format("missing operand {}", text.operands[operands.size()].name)};
  }
  if (operands.size() > needed && needed == text.operands.size()) {
    return std::unexpected{fmt::format("unexpected operand '{}'", operands[needed])};
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
  auto parsed = parse_options_of(group, words, options);
  if (!parsed) return complain_of_usage(group.name, parsed.error());
  if (parsed->wants_help) return print_or_complain(help_of(group));
  if (options.wants_version) return print_or_complain(group.version);
  auto& operands = parsed->operands;
  if (operands.empty()) return complain_of_usage(group.name, "missing command");
  const auto command = std::ranges::find(group.commands, operands.front(), &NamedCommand::name);
  if (command == group.commands.end()) {
    std::vector<std::string_view> names;
    for (const auto& named : group.commands) names.emplace_back(named.name);
    return complain_of_usage(group.name, fmt::format("unknown command '{}'{}", operands.front(),
                                                     suggestion_for(operands.front(), "", names)));
  }
  operands.erase(operands.begin());
  return command->run(operands);
}

}  // namespace hermitage::cli
