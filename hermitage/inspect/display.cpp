#include "hermitage/inspect/display.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace hermitage::inspect {
namespace {

struct Replacement {
  std::string_view character;
  std::string_view ascii;
};

constexpr std::array<Replacement, 7> kReplacements{
    {{"█", "#"}, {"░", "."}, {"│", "|"}, {"▲", "^"}, {"…", "..."}, {"→", "->"}, {"·", "-"}}};

}  // namespace

auto to_ascii(std::string_view text) -> std::string {
  std::string ascii;
  while (!text.empty()) {
    const auto starts = [text](const Replacement& replacement) { return text.starts_with(replacement.character); };
    const auto byte = static_cast<unsigned char>(text.front());
    if (byte < 0x80) {
      ascii += text.front();
      text.remove_prefix(1);
    } else if (const auto* const found = std::ranges::find_if(kReplacements, starts); found != kReplacements.end()) {
      ascii += found->ascii;
      text.remove_prefix(found->character.size());
    } else {
      ascii += fmt::format("\\x{:02x}", byte);
      text.remove_prefix(1);
    }
  }
  return ascii;
}

}  // namespace hermitage::inspect
