#include "hermitage/cli/completion.hpp"

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace hermitage::cli {
namespace {

// ---- bash

constexpr std::string_view kBashBegin =
    R"(# Completion of hermitage(1) for bash. Where it offers nothing, readline goes on to complete file names.

_hermitage_without_files() {
  compopt +o default 2>/dev/null || true # fails when it is a test that calls
}

# Offers the words that begin as the one that is completed; files are none of them.
_hermitage_offer() { # WORDS WORD
  _hermitage_without_files
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

_hermitage() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  # To bash, --option=value is three words.
  [[ $before == '=' ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $word == '=' ]] && word=''

  local command='' index
  for ((index = 1; index < COMP_CWORD; ++index)); do
    [[ ${COMP_WORDS[index]} == -* ]] && continue
    command+=${command:+ }${COMP_WORDS[index]}
)";

constexpr std::string_view kBashEnd = R"(  esac
}

complete -o default -F _hermitage hermitage
)";

// "--output | -o"
auto pattern_of(const OptionText& option) -> std::string {
  return option.letter == 0 ? fmt::format("--{}", option.name) : fmt::format("--{} | -{}", option.name, option.letter);
}

auto words_of(const CommandDescription& command) -> std::string {
  std::vector<std::string> words;
  for (const auto& subcommand : command.commands) words.emplace_back(subcommand.name);
  for (const auto& option : command.options) {
    words.push_back(fmt::format("--{}", option.name));
    if (option.letter != 0) words.push_back(fmt::format("-{}", option.letter));
  }
  return fmt::format("{}", fmt::join(words, " "));
}

// The completion of an option's value.
auto bash_value(const OptionText& option) -> std::string {
  switch (option.completion.kind) {
    case Completion::Kind::nothing: return "_hermitage_without_files && return";
    case Completion::Kind::words:
      return fmt::format("_hermitage_offer '{}' \"$word\" && return", option.completion.words);
    case Completion::Kind::files:
    case Completion::Kind::directories: break;
  }
  return "return";
}

auto bash_values(const CommandDescription& command) -> std::string {
  std::string cases;
  for (const auto& option : command.options) {
    if (option.argument != nullptr) cases += fmt::format("        {}) {} ;;\n", pattern_of(option), bash_value(option));
  }
  return cases.empty() ? cases : fmt::format("      case $before in\n{}      esac\n", cases);
}

void add_bash_case(std::string& script, std::string_view name, const CommandDescription& command) {
  script += fmt::format("    '{}')\n", name);
  if (command.options_first) {
    script +=
        "      # Behind the first operand, words are no options.\n"
        "      [[ $before != -* && $index -lt $((COMP_CWORD - 1)) && $word != -* ]] && return\n";
  }
  script += bash_values(command);
  // Operands are files.
  const std::string_view where = command.commands.empty() ? "[[ $word != -* ]] || " : "";
  script += fmt::format("      {}_hermitage_offer '{}' \"$word\"\n      ;;\n", where, words_of(command));
}

void add_bash_cases(std::string& script, const std::string& name, const CommandDescription& command) {
  add_bash_case(script, name, command);
  for (const auto& subcommand : command.commands) {
    add_bash_cases(script, fmt::format("{}{}{}", name, name.empty() ? "" : " ", subcommand.name),
                   subcommand.describe());
  }
}

// The commands with subcommands, as a pattern.
auto groups_of(const CommandDescription& program) -> std::string {
  std::vector<std::string_view> groups;
  for (const auto& command : program.commands) {
    if (!command.describe().commands.empty()) groups.emplace_back(command.name);
  }
  return fmt::format("@({})", fmt::join(groups, "|"));
}

// ---- zsh

// In brackets and quotes. Only the part up to a semicolon, since it is one line of a menu.
auto zsh_explanation(std::string_view help) -> std::string {
  std::string text;
  for (const char c : help.substr(0, help.find(';'))) {
    if (c == '`') continue;
    if (c == '[' || c == ']' || c == '\\') text += '\\';
    text += c == '\'' ? std::string{R"('\'')"} : std::string(1, c);
  }
  return text;
}

// Escaped for the part after a colon.
auto zsh_message(std::string_view name) -> std::string {
  std::string text;
  for (const char c : name) {
    if (c == ':') text += '\\';
    text += c;
  }
  return text;
}

auto zsh_action(const Completion& completion) -> std::string {
  switch (completion.kind) {
    case Completion::Kind::nothing: return "";
    case Completion::Kind::files: return "_files";
    case Completion::Kind::directories: return "_files -/";
    case Completion::Kind::words: return fmt::format("({})", completion.words);
  }
  return "";
}

auto zsh_option(const OptionText& option) -> std::string {
  const auto ends = option.argument == nullptr ? "" : "=";
  const auto value = option.argument == nullptr
                         ? std::string{}
                         : fmt::format(":{}:{}", zsh_message(option.argument), zsh_action(option.completion));
  const auto rest = fmt::format("[{}]{}'", zsh_explanation(option.help), value);
  const bool is_last = std::string_view{option.name} == kHelp.name || std::string_view{option.name} == "version";
  if (option.letter == 0) {
    return fmt::format("'{}--{}{}{}", is_last ? "(- *)" : option.repeats ? "*" : "", option.name, ends, rest);
  }
  const auto others = is_last          ? std::string{"(- *)"}
                      : option.repeats ? std::string{"*"}
                                       : fmt::format("(-{} --{})", option.letter, option.name);
  return fmt::format("'{}'{{-{},--{}{}}}'{}", others, option.letter, option.name, ends, rest);
}

auto zsh_operands(const CommandDescription& command) -> std::vector<std::string> {
  std::vector<std::string> specs;
  int place = 0;
  for (const auto& operand : command.operands) {
    const auto where = operand.count == Operand::Count::any ? std::string{"*"} : fmt::format("{}", ++place);
    specs.push_back(fmt::format("'{}:{}:{}'", where, zsh_message(operand.name), zsh_action(operand.completion)));
  }
  return specs;
}

// "name\:"description" …", of commands.
auto zsh_commands(std::span<const NamedCommand> commands) -> std::string {
  std::vector<std::string> choices;
  choices.reserve(commands.size());
  for (const auto& command : commands) {
    choices.push_back(fmt::format(R"({}\:"{}")", command.name, zsh_explanation(command.description)));
  }
  return fmt::format("'1: :(({}))'", fmt::join(choices, " "));
}

auto zsh_function_name(std::string_view name) -> std::string {
  std::string function = "_hermitage";
  if (!name.empty()) function += fmt::format("_{}", name);
  std::ranges::replace(function, ' ', '_');
  return function;
}

void add_zsh_function(std::string& script, const std::string& name, const CommandDescription& command) {
  std::vector<std::string> specs;
  specs.reserve(command.options.size() + command.operands.size() + 2);
  for (const auto& option : command.options) specs.push_back(zsh_option(option));
  if (command.commands.empty()) {
    std::ranges::copy(zsh_operands(command), std::back_inserter(specs));
    script += fmt::format("{}() {{\n  _arguments {}\\\n    {}\n}}\n\n", zsh_function_name(name),
                          command.options_first ? "-A '-*' " : "", fmt::join(specs, " \\\n    "));
    return;
  }
  std::string cases;
  for (const auto& subcommand : command.commands) {
    const auto full = fmt::format("{}{}{}", name, name.empty() ? "" : " ", subcommand.name);
    add_zsh_function(script, full, subcommand.describe());
    cases += fmt::format("    {}) {} && ret=0 ;;\n", subcommand.name, zsh_function_name(full));
  }
  specs.push_back(zsh_commands(command.commands));
  specs.emplace_back("'*:: :->arguments'");
  script += fmt::format(
      "{}() {{\n  local curcontext=$curcontext state line ret=1\n  local -A opt_args\n"
      "  _arguments -C \\\n    {} && ret=0\n  [[ $state == arguments ]] || return ret\n"
      "  case $line[1] in\n{}  esac\n  return ret\n}}\n\n",
      zsh_function_name(name), fmt::join(specs, " \\\n    "), cases);
}

}  // namespace

auto bash_completion(const CommandDescription& program) -> std::string {
  std::string script{kBashBegin};
  script += fmt::format("    [[ $command == {} ]] || break\n  done\n\n  COMPREPLY=()\n  case $command in\n",
                        groups_of(program));
  add_bash_cases(script, "", program);
  script += kBashEnd;
  return script;
}

auto zsh_completion(const CommandDescription& program) -> std::string {
  std::string script = "#compdef hermitage\n# Completion of hermitage(1) for zsh.\n\n";
  add_zsh_function(script, "", program);
  script += "_hermitage \"$@\"\n";
  return script;
}

}  // namespace hermitage::cli
