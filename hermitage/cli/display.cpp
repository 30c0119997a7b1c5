#include "hermitage/cli/display.hpp"

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/ioctl.h>
#include <unistd.h>

namespace hermitage::cli {
namespace {

// The value of a variable. Empty if it is not set.
auto value_of(const char* variable) -> std::string_view {
  const auto* const value = std::getenv(variable);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

auto locale_name() -> std::string_view {
  for (const auto* const variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (const auto name = value_of(variable); !name.empty()) return name;
  }
  return "C";
}

auto columns_of_environment() -> std::optional<std::size_t> {
  const auto text = value_of("COLUMNS");
  std::size_t columns = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), columns);
  if (error != std::errc{} || rest != text.data() + text.size() || columns == 0) return std::nullopt;
  return columns;
}

auto columns_of_terminal() -> std::optional<std::size_t> {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

auto colour_of_output() -> inspect::Colour {
  const auto terminal = value_of("TERM");
  const bool is_dumb = terminal.empty() || terminal == "dumb";
  const bool is_wanted = ::isatty(STDOUT_FILENO) == 1 && value_of("NO_COLOR").empty() && !is_dumb;
  return is_wanted ? inspect::Colour::on : inspect::Colour::off;
}

}  // namespace

auto charset_of_locale() -> inspect::Charset {
  const auto name = locale_name();
  const auto dot = name.find('.');
  if (dot == std::string_view::npos) return inspect::Charset::ascii;
  // Spellings of codesets differ in case and hyphens: "UTF-8", "utf8".
  std::string codeset;
  for (const char c : name.substr(dot + 1, name.find('@') - (dot + 1))) {
    if (c != '-') codeset += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return codeset == "utf8" ? inspect::Charset::utf8 : inspect::Charset::ascii;
}

auto display_of_output() -> inspect::Display {
  const auto columns = columns_of_environment().or_else(columns_of_terminal);
  return {.colour = colour_of_output(),
          .charset = charset_of_locale(),
          .columns = columns.value_or(inspect::Display::kDefaultColumns)};
}

}  // namespace hermitage::cli
