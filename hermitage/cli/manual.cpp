#include "hermitage/cli/manual.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace hermitage::cli {
namespace {

constexpr std::string_view kOptions = ".\\\" @options";
constexpr std::string_view kOption = ".\\\" @option ";
constexpr std::string_view kEnd = ".\\\" @end";

// An option, and the additional text of the page.
struct Entry {
  OptionText option;
  std::string details = {};
  bool has_details = false;
};

auto find_command(CommandDescription command, std::string_view name) -> std::optional<CommandDescription> {
  while (!name.empty()) {
    const auto word = name.substr(0, name.find(' '));
    const auto found = std::ranges::find_if(command.commands, [word](const auto& other) { return other.name == word; });
    if (found == command.commands.end()) return std::nullopt;
    command = found->describe();
    name.remove_prefix(std::min(word.size() + 1, name.size()));
  }
  return command;
}

// The options of several commands, each name once.
auto entries_of(std::string_view names, const CommandDescription& program)
    -> std::expected<std::vector<Entry>, std::string> {
  std::vector<Entry> entries;
  for (;;) {
    const auto comma = names.find(", ");
    const auto name = names.substr(0, comma);
    const auto command = find_command(program, name);
    if (!command) return std::unexpected{fmt::format("there is no command '{}'", name)};
    for (const auto& option : command->options) {
      const auto is_same = [&](const Entry& entry) { return std::string_view{entry.option.name} == option.name; };
      if (std::ranges::none_of(entries, is_same)) entries.push_back({.option = option});
    }
    if (comma == std::string_view::npos) break;
    names.remove_prefix(comma + 2);
  }
  const auto is_help = [](const Entry& entry) { return std::string_view{entry.option.name} == kHelp.name; };
  std::ranges::stable_partition(entries, std::not_fn(is_help));
  return entries;
}

// Converts a help text to a sentence: capital letter, full stop, and quotes in place of backticks.
auto sentence_of(std::string_view help) -> std::string {
  constexpr std::string_view kEllipsis = "…";
  std::string text;
  bool is_quote_open = false;
  for (std::size_t i = 0; i < help.size(); ++i) {
    if (help[i] == '`') {
      text += std::exchange(is_quote_open, !is_quote_open) ? "\\(rq" : "\\(lq";
    } else if (help[i] == '\\') {
      text += "\\e";
    } else if (help.substr(i).starts_with(kEllipsis)) {
      text += "...";
      i += kEllipsis.size() - 1;
    } else {
      text += help[i];
    }
  }
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  const bool is_control = text.front() == '.' || text.front() == '\'';
  return fmt::format("{}{}.\n", is_control ? "\\&" : "", text);
}

auto item_of(const Entry& entry) -> std::string {
  const auto& option = entry.option;
  std::string item = ".It";
  if (option.letter != 0) item += fmt::format(" Fl {} ,", option.letter);
  item += fmt::format(" Fl -{}", option.name);
  if (option.argument != nullptr) item += fmt::format(" Ar {}", option.argument);
  item += '\n' + sentence_of(option.help);
  if (option.repeats) item += "Can be given several times.\n";
  return item + entry.details;
}

class Page {
 public:
  Page(std::string_view page, const CommandDescription& program) : rest_{page}, program_{program} {}

  auto fill_in() -> std::expected<std::string, std::string> {
    std::string filled;
    while (!rest_.empty()) {
      const auto line = take_line();
      if (!line.starts_with(kOptions)) {
        filled.append(line).append("\n");
        continue;
      }
      auto list = fill_in_list(line.substr(std::min(kOptions.size() + 1, line.size())));
      if (!list) return list;
      filled += *list;
    }
    return filled;
  }

 private:
  auto take_line() -> std::string_view {
    const auto line = rest_.substr(0, rest_.find('\n'));
    rest_.remove_prefix(std::min(line.size() + 1, rest_.size()));
    ++number_;
    return line;
  }

  [[nodiscard]] auto fail(std::string_view why) const -> std::unexpected<std::string> {
    return std::unexpected{fmt::format("{}: {}", number_, why)};
  }

  auto fill_in_list(std::string_view commands) -> std::expected<std::string, std::string> {
    auto entries = entries_of(commands, program_);
    if (!entries) return fail(entries.error());
    if (auto read = read_details(*entries); !read) return std::unexpected{read.error()};
    std::string list = ".Bl -tag -width indent\n";
    for (const auto& entry : *entries) list += item_of(entry);
    return list + ".El\n";
  }

  auto read_details(std::vector<Entry>& entries) -> std::expected<void, std::string> {
    Entry* current = nullptr;
    while (!rest_.empty()) {
      const auto line = take_line();
      if (line == kEnd) return {};
      if (!line.starts_with(kOption)) {
        if (current == nullptr) return fail("this is said of no option");
        current->details.append(line).append("\n");
        continue;
      }
      const auto name = line.substr(kOption.size());
      const auto found =
          std::ranges::find_if(entries, [name](const Entry& entry) { return entry.option.name == name; });
      if (found == entries.end()) return fail(fmt::format("there is no option '{}'", name));
      current = &*found;
      if (std::exchange(current->has_details, true)) return fail(fmt::format("'{}' is there twice", name));
    }
    return fail("the list of options has no end");
  }

  std::string_view rest_;
  const CommandDescription& program_;
  int number_ = 0;  // number of the last line that was read
};

}  // namespace

auto fill_in_manual(std::string_view page, const CommandDescription& program)
    -> std::expected<std::string, std::string> {
  return Page{page, program}.fill_in();
}

}  // namespace hermitage::cli
