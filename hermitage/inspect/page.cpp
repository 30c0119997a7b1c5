#include "hermitage/inspect/page.hpp"

namespace hermitage::inspect {
namespace {

auto escape_sequence(Style style) -> std::string_view {
  switch (style) {
    case Style::heading: return "\x1b[1m";
    case Style::good: return "\x1b[32m";
    case Style::bad: return "\x1b[1;31m";
    case Style::odd: return "\x1b[33m";
    case Style::faint: return "\x1b[2m";
    case Style::code: return "\x1b[36m";
    case Style::data: return "\x1b[35m";
    case Style::constant: return "\x1b[34m";
  }
  return "";
}

}  // namespace

auto styled(Colour colour, Style style, std::string_view text) -> std::string {
  if (colour == Colour::off || text.empty()) return std::string{text};
  return fmt::format("{}{}\x1b[0m", escape_sequence(style), text);
}

auto grouped(std::uint64_t value) -> std::string {
  auto digits = fmt::format("{}", value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

}  // namespace hermitage::inspect
