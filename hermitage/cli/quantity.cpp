#include "hermitage/cli/quantity.hpp"

#include <charconv>
#include <string>

namespace hermitage::cli {
namespace {

// How many bits a unit shifts a number to the left.
auto unit_shift(std::string_view unit) -> std::optional<unsigned> {
  std::string lower;
  for (const char c : unit) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower.empty() || lower == "b") return 0;
  constexpr std::string_view kPrefixes = "kmgt";
  const auto prefix = kPrefixes.find(lower.front());
  const auto rest = std::string_view{lower}.substr(1);
  if (prefix == std::string_view::npos || (!rest.empty() && rest != "b" && rest != "ib")) return std::nullopt;
  return 10 * (static_cast<unsigned>(prefix) + 1);
}

}  // namespace

auto parse_quantity(std::string_view text) -> std::optional<std::uint64_t> {
  const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
  if (is_hex) text.remove_prefix(2);

  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, is_hex ? 16 : 10);
  if (error != std::errc{}) return std::nullopt;

  std::string_view unit{rest, static_cast<std::size_t>(end - rest)};
  if (unit.starts_with(' ') && unit.size() > 1) unit.remove_prefix(1);
  const auto shift = unit_shift(unit);
  if (!shift || (number << *shift) >> *shift != number) return std::nullopt;
  return number << *shift;
}

}  // namespace hermitage::cli
