// The command line. The options of a command are defined in one table. getopt_long(3), --help and error messages use it
// at run time; manual pages and completions are generated from it at build time.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <getopt.h>

#include "hermitage/cli/command.hpp"

namespace hermitage::cli {

// Success, or an error message.
using Outcome = std::expected<void, std::string>;

// The completions that a shell offers for the value of an option, or for an operand.
struct Completion {
  enum class Kind : std::uint8_t { nothing, files, directories, words };

  Kind kind = Kind::nothing;
  const char* words = "";  // separated by spaces
};

inline constexpr Completion kFiles{.kind = Completion::Kind::files};
inline constexpr Completion kDirectories{.kind = Completion::Kind::directories};

consteval auto one_of(const char* words) -> Completion {
  return {.kind = Completion::Kind::words, .words = words};
}

// An option, which changes the `Values` of a command.
template <class Values>
struct OptionOf {
  char letter;  // 0: none
  const char* name;
  const char* argument;  // name of its value; null: it takes none
  const char* help;      // null: hidden, and the value is optional

  // The error says what is wrong with the argument.
  Outcome (*set)(Values& values, const char* argument);

  Completion completion = {};
  bool repeats = false;  // may be given several times
};

struct Operand {
  enum class Count : std::uint8_t { one, any };

  const char* name;
  const char* help;
  Count count = Count::one;
  Completion completion = kFiles;
};

// The description of a command, without its options.
struct CommandText {
  const char* name;  // after the name of the program: "image create"
  const char* description;
  std::span<const Operand> operands;
  const char* epilogue;  // at the end of its help
};

struct CommandDescription;

struct NamedCommand {
  const char* name;
  const char* description;
  ExitCode (*run)(const Words& words);
  CommandDescription (*describe)();
};

// A group of commands, one of which is selected by its name.
struct CommandGroup {
  const char* name;  // "image"; "" for the commands of the program
  const char* description;
  std::span<const NamedCommand> commands;
  const char* epilogue;
  const char* version = nullptr;  // what --version prints; null: there is no such option
};

// The description of an option.
struct OptionText {
  char letter = 0;
  const char* name = nullptr;
  const char* argument = nullptr;
  const char* help = nullptr;
  Completion completion = {};
  bool repeats = false;
};

// The options, operands and subcommands of a command or of the program.
struct CommandDescription {
  std::vector<OptionText> options;  // in the order of the help, `kHelp` last
  std::span<const Operand> operands = {};
  bool options_first = false;                   // the first operand ends the options
  std::span<const NamedCommand> commands = {};  // one of which must be given
};

inline constexpr OptionText kHelp{'h', "help", nullptr, "print this help"};

// Whether options may follow operands, or the first operand ends them.
enum class Order : std::uint8_t { any, options_first };

// The options in the format of getopt_long(3), followed by `kHelp`.
template <std::size_t count>
struct GetoptTable {
  // The result for an option without a letter: its index, plus a number above all letters.
  static constexpr int kFirstOption = 256;

  std::array<option, count + 2> names{};  // and zeros at the end
  // '+' makes getopt stop at the first operand, ':' disables its own error messages. At most three characters for each
  // option, and a NUL.
  std::array<char, 2 + 3 * (count + 1) + 1> letters{'+', ':'};

  template <class Values>
  consteval explicit GetoptTable(const std::array<OptionOf<Values>, count>& options) {
    std::size_t end = 2;
    for (std::size_t i = 0; i <= count; ++i) {
      const bool is_help = i == count;
      const char letter = is_help ? kHelp.letter : options[i].letter;
      const int takes = is_help ? no_argument : has_argument(options[i]);
      names[i] = {is_help ? kHelp.name : options[i].name, takes, nullptr,
                  letter == 0 ? kFirstOption + static_cast<int>(i) : letter};
      if (letter == 0) continue;
      letters[end++] = letter;
      if (takes != no_argument) letters[end++] = ':';
      if (takes == optional_argument) letters[end++] = ':';
    }
  }

 private:
  template <class Values>
  static consteval auto has_argument(const OptionOf<Values>& option) -> int {
    if (option.help == nullptr) return optional_argument;
    return option.argument == nullptr ? no_argument : required_argument;
  }
};

// The table for options in a constant, made at compile time.
template <const auto& options>
inline constexpr GetoptTable<std::tuple_size_v<std::remove_cvref_t<decltype(options)>>> kGetoptTable{options};

// Reads the options in a list of arguments, one at a time.
class OptionReader {
 public:
  struct Found {
    std::size_t index;     // of the option
    const char* argument;  // null where it has none
  };

  // `names` and `letters` are those of a GetoptTable, `argument_of` returns the name of an option's value. `words` must
  // outlive the reader; Order::any reorders it.
  OptionReader(std::span<const option> names, const char* letters, const char* (*argument_of)(std::size_t index),
               Words& words, Order order);

  // The next option, or nothing after the last. The error is a sentence about wrong usage.
  [[nodiscard]] auto next() -> std::expected<std::optional<Found>, std::string>;

  [[nodiscard]] auto wants_help() const -> bool { return wants_help_; }

  // After the last option: the arguments that are not options.
  [[nodiscard]] auto operands() const -> Words;

 private:
  [[nodiscard]] auto index_of(int found) const -> std::size_t;
  // The argument that contains the option that was read last.
  [[nodiscard]] auto last_word() const -> std::string_view;
  // Whether that argument is an abbreviation of the long option `name`, which getopt_long(3) accepts.
  [[nodiscard]] auto is_abbreviated(const char* name) const -> bool;
  [[nodiscard]] auto unknown_option() const -> std::string;
  [[nodiscard]] auto complaint(int found) const -> std::string;

  std::span<const option> names_;
  const char* letters_;
  const char* (*argument_of_)(std::size_t index);
  std::vector<char*> arguments_;
  int next_ = 0;  // optind(3)
  bool wants_help_ = false;
};

struct Parsed {
  Words operands;
  bool wants_help = false;  // all else is then ignored
};

template <class Values>
auto texts_of(std::span<const OptionOf<Values>> options) -> std::vector<OptionText> {
  std::vector<OptionText> texts;
  texts.reserve(options.size() + 1);
  for (const auto& [letter, name, argument, help, set, completion, repeats] : options) {
    texts.push_back({letter, name, argument, help, completion, repeats});
  }
  return texts;
}

// The options that the help lists, followed by `kHelp`.
[[nodiscard]] auto listed(std::vector<OptionText> options) -> std::vector<OptionText>;

template <const auto& options>
auto describe(std::span<const Operand> operands) -> CommandDescription {
  using Option = std::remove_cvref_t<decltype(options[0])>;
  return {.options = listed(texts_of(std::span<const Option>{options})), .operands = operands};
}
[[nodiscard]] auto describe(const CommandGroup& group) -> CommandDescription;

// "--NAME 'ARGUMENT': WHY".
[[nodiscard]] auto complaint_of(const char* name, const char* argument, std::string_view why) -> std::string;

template <const auto& options, class Values>
auto parse_options(Words& words, Order order, Values& values) -> std::expected<Parsed, std::string> {
  const auto& table = kGetoptTable<options>;
  const auto argument_of = [](std::size_t index) { return options[index].argument; };
  OptionReader reader{table.names, table.letters.data(), argument_of, words, order};
  for (;;) {
    const auto found = reader.next();
    if (!found) return std::unexpected{found.error()};
    if (!*found) break;
    const auto& option = options[(*found)->index];
    if (auto outcome = option.set(values, (*found)->argument); !outcome) {
      return std::unexpected{complaint_of(option.name, (*found)->argument, outcome.error())};
    }
  }
  return Parsed{.operands = reader.operands(), .wants_help = reader.wants_help()};
}

// The list of options in a help text.
[[nodiscard]] auto options_help(std::vector<OptionText> options) -> std::string;

// The whole help of a command.
[[nodiscard]] auto help_of(const CommandText& text, std::vector<OptionText> options) -> std::string;

// Checks the number of operands. The error is a sentence about wrong usage.
[[nodiscard]] auto check_operands(const CommandText& text, const Words& operands) -> Outcome;

// Prints to standard output, and reports a failure.
[[nodiscard]] auto print_or_complain(std::string_view text) -> ExitCode;

// Prints an error message that refers to the help of a command.
[[nodiscard]] auto complain_of_usage(const char* command, std::string_view message) -> ExitCode;

// Parses a command line: stores options in `values`, and returns the operands. For --help and wrong usage, it prints
// the help or an error message, and returns the exit code as the error.
template <const auto& options, class Values>
auto parse_command(const CommandText& text, Words words, Values& values) -> std::expected<Words, ExitCode> {
  auto parsed = parse_options<options>(words, Order::any, values);
  if (!parsed) return std::unexpected{complain_of_usage(text.name, parsed.error())};
  if (parsed->wants_help) return std::unexpected{print_or_complain(help_of(text, texts_of<Values>(options)))};
  if (const auto checked = check_operands(text, parsed->operands); !checked) {
    return std::unexpected{complain_of_usage(text.name, checked.error())};
  }
  return std::move(parsed->operands);
}

// Runs the command that the first argument names, with the other arguments; or prints help.
[[nodiscard]] auto run_one_of(const CommandGroup& group, Words words) -> ExitCode;

// ---- Actions of options

inline constexpr const char* kGivenBefore = "can be given only once";

template <class>
inline constexpr bool kIsOptional = false;
template <class Value>
inline constexpr bool kIsOptional<std::optional<Value>> = true;

// Sets a member: a flag, a string that can be given only once, or a list to which a string is appended.
template <auto member, class Values>
auto set(Values& values, const char* argument) -> Outcome {
  auto& value = values.*member;
  using Value = std::remove_reference_t<decltype(value)>;
  if constexpr (std::is_same_v<Value, bool>) {
    value = true;
  } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
    value.emplace_back(argument);
  } else {
    if (value != Value{}) return std::unexpected{std::string{kGivenBefore}};
    value = argument;
  }
  return {};
}

// Sets a member to a decimal number.
template <auto member, class Values>
auto set_number(Values& values, const char* argument) -> Outcome {
  auto& value = values.*member;
  using Value = std::remove_reference_t<decltype(value)>;
  static_assert(kIsOptional<Value>);
  if (value) return std::unexpected{std::string{kGivenBefore}};
  const std::string_view text{argument};
  typename Value::value_type number{};
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || rest != text.data() + text.size()) {
    return std::unexpected{std::string{"not a number, or too large"}};
  }
  value = number;
  return {};
}

}  // namespace hermitage::cli
