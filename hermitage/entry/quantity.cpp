#include "hermitage/entry/quantity.hpp"

#include "hermitage/entry/text.hpp"

namespace hermitage::entry {
namespace {

constexpr auto to_lower(char c) noexcept -> char {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Removes digits from the beginning of `text`. (std::from_chars would need the C++ library.)
auto take_number(std::string_view& text, unsigned base) noexcept -> std::optional<std::uint64_t> {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint64_t number = 0;
  std::size_t count = 0;
  for (; count < text.size(); ++count) {
    const auto digit = index_of(kDigits, to_lower(text[count]));
    if (digit >= base) break;
    if (number > (UINT64_MAX - digit) / base) return std::nullopt;
    number = number * base + digit;
  }
  if (count == 0) return std::nullopt;
  text.remove_prefix(count);
  return number;
}

// The number of bits by which a unit shifts a number to the left.
auto unit_shift(std::string_view unit) noexcept -> std::optional<unsigned> {
  constexpr std::string_view kPrefixes = "kmgt";
  const auto letter = [unit](std::size_t index) { return to_lower(unit[index]); };
  const auto size = unit.size();
  if (size == 0 || (size == 1 && letter(0) == 'b')) return 0;
  const auto prefix = index_of(kPrefixes, letter(0));
  const bool is_unit =
      size == 1 || (size == 2 && letter(1) == 'b') || (size == 3 && letter(1) == 'i' && letter(2) == 'b');
  if (prefix == kPrefixes.size() || !is_unit) return std::nullopt;
  return 10 * (static_cast<unsigned>(prefix) + 1);
}

}  // namespace

auto parse_quantity(std::string_view text) noexcept -> std::optional<std::uint64_t> {
  const bool is_hex = text.size() >= 2 && text[0] == '0' && to_lower(text[1]) == 'x';
  if (is_hex) text.remove_prefix(2);
  const auto number = take_number(text, is_hex ? 16 : 10);
  if (!number) return std::nullopt;
  if (text.size() > 1 && text[0] == ' ') text.remove_prefix(1);
  const auto shift = unit_shift(text);
  if (!shift || (*number << *shift) >> *shift != *number) return std::nullopt;
  return *number << *shift;
}

}  // namespace hermitage::entry
