#include "hermitage/oci/command_line.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <ranges>
#include <span>
#include <utility>

namespace hermitage::oci {
namespace {

// Options with a value, of runc 1.3 and crun 1.20. A letter means the same in all subcommands that this program reads,
// except -c of exec.
struct Known {
  std::string_view name;
  std::string_view letter = {};
};

constexpr std::array kGlobal{Known{"log"},  Known{"log-format"}, Known{"log-level"},     Known{"root"},
                             Known{"criu"}, Known{"rootless"},   Known{"cgroup-manager"}};
constexpr std::array kOfCommands{Known{"bundle", "b"},
                                 Known{"config"},
                                 Known{"console-socket"},
                                 Known{"pidfd-socket"},
                                 Known{"pid-file"},
                                 Known{"preserve-fds"},
                                 Known{"cwd"},
                                 Known{"env", "e"},
                                 Known{"user", "u"},
                                 Known{"additional-gids", "g"},
                                 Known{"process", "p"},
                                 Known{"process-label"},
                                 Known{"apparmor"},
                                 Known{"cap", "c"},
                                 Known{"cgroup"},
                                 Known{"image-path"},
                                 Known{"work-path"},
                                 Known{"parent-path"}};

auto is_option(std::string_view word) -> bool {
  return word.size() > 1 && word.starts_with('-');
}

}  // namespace

CommandLine::CommandLine(std::vector<std::string> words) : words_{std::move(words)} {
  while (command_ < words_.size() && is_option(words_[command_])) {
    global_options_.push_back(read_option(command_, true));
    command_ += global_options_.back().count;
  }
  std::size_t next = std::min(command_ + 1, words_.size());
  while (next < words_.size() && is_option(words_[next]) && words_[next] != "--") {
    options_.push_back(read_option(next, false));
    next += options_.back().count;
  }
  if (next < words_.size() && words_[next] == "--") ++next;
  operands_.assign(words_.begin() + static_cast<std::ptrdiff_t>(next), words_.end());
}

auto CommandLine::read_option(std::size_t index, bool is_global) const -> Option {
  std::string_view word{words_[index]};
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  const auto equals = word.find('=');
  const auto name = word.substr(0, equals);
  Option option{.name = std::string{name}, .value = {}, .first = index, .count = 1};
  const std::span<const Known> known =
      is_global ? std::span<const Known>{kGlobal} : std::span<const Known>{kOfCommands};
  const auto found = std::ranges::find_if(
      known, [name](const Known& one) { return one.name == name || (!one.letter.empty() && one.letter == name); });
  if (found != known.end()) option.name = found->name;
  if (equals != std::string_view::npos) {
    option.value = word.substr(equals + 1);
  } else if (found != known.end() && index + 1 < words_.size()) {
    option.value = words_[index + 1];
    option.count = 2;
  }
  return option;
}

auto CommandLine::command() const -> std::string {
  return command_ < words_.size() ? words_[command_] : std::string{};
}

namespace {

auto last_value(const auto& options, std::string_view name) -> std::optional<std::string> {
  std::optional<std::string> value;
  for (const auto& option : options) {
    if (option.name == name) value = option.value;
  }
  return value;
}

}  // namespace

auto CommandLine::global_option(std::string_view name) const -> std::optional<std::string> {
  return last_value(global_options_, name);
}

auto CommandLine::option(std::string_view name) const -> std::optional<std::string> {
  return last_value(options_, name);
}

auto CommandLine::query(const std::vector<std::string>& command) const -> std::vector<std::string> {
  std::vector<std::string> result;
  for (const auto& option : global_options_) {
    if (option.name == "log" || option.name == "log-format" || option.name == "debug") continue;
    const auto begin = words_.begin() + static_cast<std::ptrdiff_t>(option.first);
    result.insert(result.end(), begin, begin + static_cast<std::ptrdiff_t>(option.count));
  }
  result.insert(result.end(), command.begin(), command.end());
  return result;
}

auto CommandLine::preserving(unsigned count) const -> std::vector<std::string> {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const auto replaced = std::ranges::find_if(
        options_, [i](const Option& option) { return option.first == i && option.name == "preserve-fds"; });
    if (replaced != options_.end()) {
      i += replaced->count - 1;
      continue;
    }
    result.push_back(words_[i]);
    if (i != command_) continue;
    result.emplace_back("--preserve-fds");
    result.push_back(std::to_string(count));
  }
  return result;
}

}  // namespace hermitage::oci
