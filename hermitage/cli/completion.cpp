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
_hermitage_offer() { # WORDS WORD [PREFIX]
  _hermitage_without_files
  mapfile -t COMPREPLY < <(compgen -P "${3-}" -W "$1" -- "$2")
}

# Whether an operand precedes the word that is completed. Bash splits words at "=" and ":", so that these may join a word
# with the one before.
_hermitage_has_operand() { # INDEX OPTIONS: of the first word to look at; the options that take a value
  local index
  for ((index = $1; index < COMP_CWORD; ++index)); do
    case ${COMP_WORDS[index]} in
      --) return 0 ;;
      [=:]*) ((++index)) ;;
      -*) [[ " $2 " == *" ${COMP_WORDS[index]} "* && ${COMP_WORDS[index + 1]} != '=' ]] && ((++index)) ;;
      *) return 0 ;;
    esac
  done
  return 1
}

_hermitage() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} prefix=''
  # To bash, --option=value is three words, or one if COMP_WORDBREAKS does not contain "=".
  [[ $before == '=' ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
  [[ $word == '=' ]] && word=''
  [[ $word == --*=* ]] && before=${word%%=*} prefix=${word%%=*}= word=${word#*=}

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

// "--output", "-o", …
auto names_of(std::span<const OptionText> options) -> std::vector<std::string> {
  std::vector<std::string> names;
  for (const auto& option : options) {
    names.push_back(fmt::format("--{}", option.name));
    if (option.letter != 0) names.push_back(fmt::format("-{}", option.letter));
  }
  return names;
}

auto options_with_values(const CommandDescription& command) -> std::vector<OptionText> {
  std::vector<OptionText> options;
  std::ranges::copy_if(command.options, std::back_inserter(options),
                       [](const OptionText& option) { return option.argument != nullptr; });
  return options;
}

auto words_of(const CommandDescription& command) -> std::string {
  std::vector<std::string> words;
  for (const auto& subcommand : command.commands) words.emplace_back(subcommand.name);
  std::ranges::move(names_of(command.options), std::back_inserter(words));
  return fmt::format("{}", fmt::join(words, " "));
}

// The completion of an option's value.
auto bash_value(const OptionText& option) -> std::string {
  switch (option.completion.kind) {
    case Completion::Kind::nothing: return "_hermitage_without_files && return";
    case Completion::Kind::words:
      return fmt::format(R"(_hermitage_offer '{}' "$word" "$prefix" && return)", option.completion.words);
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
    // The words after the first operand are not for hermitage.
    script += fmt::format("      _hermitage_has_operand $((index + 1)) '{}' && return\n",
                          fmt::join(names_of(options_with_values(command)), " "));
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

// The part of a help text up to a semicolon, since it is one line of a menu, without the quotes of values.
auto menu_line(std::string_view help) -> std::string {
  std::string line{help.substr(0, help.find(';'))};
  std::erase(line, '`');
  return line;
}

// ---- zsh

// In brackets and quotes.
auto zsh_explanation(std::string_view help) -> std::string {
  std::string text;
  for (const char c : menu_line(help)) {
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

// ---- fish

constexpr std::string_view kFishBegin =
    R"(# Completion of hermitage(1) for fish.

# Whether the word that is completed belongs to COMMAND: to its options and operands, or to their values.
function __hermitage_at # COMMAND
    set -l words (commandline -opc)
    set -e words[1]
    for name in (string split -n ' ' -- $argv[1])
        while string match -q -- '-*' "$words[1]"
            set -e words[1]
        end
        test "$words[1]" = $name; or return 1
        set -e words[1]
    end
    return 0
end

# Whether it is also the first operand, or precedes it.
function __hermitage_before_operand # COMMAND [OPTION…]: options that take a value
    __hermitage_at $argv[1]; or return 1
    set -l words (commandline -opc)
    set -e words[1]
    for name in (string split -n ' ' -- $argv[1])
        set -e words[1..(contains -i -- $name $words)]
    end
    while set -q words[1]
        test "$words[1]" != --; and string match -q -- '-*' "$words[1]"; or return 1
        contains -- $words[1] $argv[2..]; and set -e words[1]
        set -e words[1]
    end
    return 0
end

)";

auto fish_quoted(std::string_view text) -> std::string {
  std::string quoted{"'"};
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// The condition under which the options and subcommands of a command are offered.
auto fish_condition(std::string_view name, const CommandDescription& command) -> std::string {
  if (command.commands.empty() && !command.options_first) return fmt::format("__hermitage_at \"{}\"", name);
  std::string condition = fmt::format("__hermitage_before_operand \"{}\"", name);
  if (command.options_first) {
    condition += fmt::format(" {}", fmt::join(names_of(options_with_values(command)), " "));
  }
  return condition;
}

auto fish_value(const OptionText& option) -> std::string {
  if (option.argument == nullptr) return {};
  switch (option.completion.kind) {
    case Completion::Kind::nothing: return " -x";
    case Completion::Kind::files: return " -r -F";
    case Completion::Kind::directories: return " -x -a '(__fish_complete_directories)'";
    case Completion::Kind::words: return fmt::format(" -x -a '{}'", option.completion.words);
  }
  return {};
}

void add_fish_lines(std::string& script, const std::string& name, const CommandDescription& command) {
  const auto begin = fmt::format("complete -c hermitage -n {}", fish_quoted(fish_condition(name, command)));
  for (const auto& option : command.options) {
    const auto letter = option.letter == 0 ? std::string{} : fmt::format(" -s {}", option.letter);
    script += fmt::format("{}{} -l {}{} -d {}\n", begin, letter, option.name, fish_value(option),
                          fish_quoted(menu_line(option.help)));
  }
  for (const auto& operand : command.operands) {
    if (operand.completion.kind != Completion::Kind::words) continue;
    script += fmt::format("{} -f -a '{}'\n", begin, operand.completion.words);
  }
  for (const auto& subcommand : command.commands) {
    script += fmt::format("{} -f -a {} -d {}\n", begin, subcommand.name, fish_quoted(subcommand.description));
  }
  for (const auto& subcommand : command.commands) {
    add_fish_lines(script, fmt::format("{}{}{}", name, name.empty() ? "" : " ", subcommand.name),
                   subcommand.describe());
  }
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

auto fish_completion(const CommandDescription& program) -> std::string {
  std::string script{kFishBegin};
  add_fish_lines(script, "", program);
  return script;
}

}  // namespace hermitage::cli
