#include "hermitage/cli/progress.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/cli/display.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/inspect/display.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 1s;
constexpr auto kInterval = 100ms;

auto standard_error() -> ProgressBar::Output {
  const auto* terminal = std::getenv("TERM");
  const bool is_dumb = terminal == nullptr || std::string_view{terminal} == "dumb";
  if (is_dumb || ::isatty(STDERR_FILENO) != 1) return {};
  if (charset_of_locale() == inspect::Charset::utf8) return print_error;
  return [](std::string_view text) { print_error(inspect::to_ascii(text)); };
}

auto bar(std::uint64_t done, std::uint64_t total) -> std::string {
  constexpr std::uint64_t kColumns = 30;
  // Limit the bar to 100 % for a file that grows.
  const auto part = std::min(done, total);
  const auto filled = static_cast<std::size_t>(static_cast<double>(part) / static_cast<double>(total) * kColumns);
  std::string text;
  for (std::size_t column = 0; column < kColumns; ++column) text += column < filled ? "█" : "░";
  return fmt::format("{} {:>3}%", text, static_cast<int>(static_cast<double>(part) / static_cast<double>(total) * 100));
}

}  // namespace

ProgressBar::ProgressBar(std::string_view what)
    : ProgressBar{what, [] { return std::chrono::steady_clock::now(); }, standard_error()} {}

ProgressBar::ProgressBar(std::string_view what, Clock clock, Output output)
    : what_{inspect::printable(what)},
      clock_{std::move(clock)},
      output_{std::move(output)},
      next_{clock_() + kPatience} {}

ProgressBar::~ProgressBar() {
  if (is_drawn_) output_("\r\x1b[K");
}

void ProgressBar::operator()(std::uint64_t done, std::uint64_t total) {
  if (!output_) return;
  const auto now = clock_();
  if (now < next_) return;
  next_ = now + kInterval;
  is_drawn_ = true;
  output_(total == 0 ? fmt::format("\r\x1b[K{}: {}", what_, inspect::human_size(done))
                     : fmt::format("\r\x1b[K{}: {}", what_, bar(done, total)));
}

}  // namespace hermitage::cli
