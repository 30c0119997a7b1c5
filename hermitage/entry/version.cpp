#include "hermitage/entry/version.hpp"

namespace hermitage::entry {
namespace {

// Parses the decimal number at the beginning of `text`, and removes its digits.
auto take_number(std::string_view& text) noexcept -> std::optional<std::uint32_t> {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    value = value * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    if (value > UINT32_MAX) return std::nullopt;
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<std::uint32_t>(value);
}

auto take_dot(std::string_view& text) noexcept -> bool {
  if (text.empty() || text.front() != '.') return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

auto HermitVersion::parse(std::string_view text) noexcept -> std::optional<HermitVersion> {
  const auto major = take_number(text);
  if (!major || !take_dot(text)) return std::nullopt;
  const auto minor = take_number(text);
  if (!minor || !take_dot(text)) return std::nullopt;
  const auto patch = take_number(text);
  if (!patch || !text.empty()) return std::nullopt;
  return HermitVersion{*major, *minor, *patch};
}

auto HermitVersion::text() const noexcept -> FixedText<36> {
  FixedText<36> text;
  text.append_decimal(major).append('.').append_decimal(minor).append('.').append_decimal(patch);
  return text;
}

}  // namespace hermitage::entry
