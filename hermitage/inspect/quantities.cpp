#include "hermitage/inspect/quantities.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "hermitage/base/xml.hpp"

namespace hermitage::inspect {
namespace {

// The length of the well-formed UTF-8 sequence at the beginning of `text` (RFC 3629, table 3-7 of Unicode). 0 if
// there is none.
auto utf8_length(std::string_view text) -> std::size_t {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(0);
  const std::size_t length = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : 4;
  if (lead > 0xf4 || (lead >= 0x80 && lead < 0xc2) || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) >= 0xa0)) return 0;  // overlong, surrogate
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) >= 0x90)) return 0;  // overlong, too large
  return length;
}

// Whether the sequence is an invisible character that changes the display of others: U+200B to U+200F, U+2028 to
// U+202E (some of them change the direction of a line), U+2060 to U+206F, U+FEFF.
auto is_invisible(std::string_view sequence) -> bool {
  const auto is_within = [sequence](std::string_view first, std::string_view last) {
    return sequence >= first && sequence <= last;
  };
  return is_within("\xe2\x80\x8b", "\xe2\x80\x8f") || is_within("\xe2\x80\xa8", "\xe2\x80\xae") ||
         is_within("\xe2\x81\xa0", "\xe2\x81\xaf") || sequence == "\xef\xbb\xbf";
}

auto is_control(std::string_view sequence) -> bool {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  const bool is_c1 = lead == 0xc2 && static_cast<unsigned char>(sequence[1]) < 0xa0;
  // U+FFFE and U+FFFF are not characters, and XML does not permit them.
  const bool is_none = sequence == "\xef\xbf\xbe" || sequence == "\xef\xbf\xbf";
  return lead < 0x20 || lead == 0x7f || is_c1 || is_none || is_invisible(sequence);
}

}  // namespace

auto human_size(std::uint64_t bytes) -> std::string {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would be printed as 1024.0.
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  auto number = fmt::format("{:.1f}", value);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, kUnits[unit]);
}

auto tls_size_text(std::uint64_t file_size, std::uint64_t memory_size) -> std::string {
  const auto zeros = memory_size - std::min(file_size, memory_size);
  return fmt::format("template of {} bytes and {} zeros", file_size, zeros);
}

auto hex(std::uint64_t value) -> std::string {
  return fmt::format("{:#x}", value);
}

auto printable(std::string_view text) -> std::string {
  std::string result;
  while (!text.empty()) {
    const auto length = utf8_length(text);
    if (length == 0 || is_control(text.substr(0, length))) {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(text.front()));
      text.remove_prefix(1);
      continue;
    }
    result += text.substr(0, length);
    text.remove_prefix(length);
  }
  return result;
}

auto escape_xml(std::string_view text) -> std::string {
  return base::escape_xml(printable(text));
}

auto cut_printable(std::string_view text, std::size_t characters) -> std::string {
  // A character has at most four bytes, so the rest is not needed.
  auto whole = printable(text.substr(0, 4 * (characters + 1)));
  std::size_t count = 0;
  std::size_t end = 0;  // of the kept text
  for (std::size_t at = 0; at < whole.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(whole[at]) & 0xc0) != 0x80;
    if (!begins) continue;
    if (count + 1 == characters) end = at;
    if (count == characters) return whole.substr(0, end) + "…";
    ++count;
  }
  return whole;
}

auto segment_type_name(std::uint32_t type) -> std::string {
  switch (type) {
    case 0: return "PT_NULL";
    case entry::elf::kSegmentLoad: return "PT_LOAD";
    case entry::elf::kSegmentDynamic: return "PT_DYNAMIC";
    case 3: return "PT_INTERP";
    case entry::elf::kSegmentNote: return "PT_NOTE";
    case 5: return "PT_SHLIB";
    case 6: return "PT_PHDR";
    case entry::elf::kSegmentTls: return "PT_TLS";
    case 0x6474e550: return "PT_GNU_EH_FRAME";
    case entry::elf::kSegmentGnuStack: return "PT_GNU_STACK";
    case 0x6474e552: return "PT_GNU_RELRO";
    case 0x6474e553: return "PT_GNU_PROPERTY";
    default: return hex(type);
  }
}

auto flags_text(std::uint32_t segment_flags) -> std::string {
  std::string text = "---";
  if ((segment_flags & entry::elf::kFlagRead) != 0) text[0] = 'r';
  if ((segment_flags & entry::elf::kFlagWrite) != 0) text[1] = 'w';
  if ((segment_flags & entry::elf::kFlagExecute) != 0) text[2] = 'x';
  return text;
}

}  // namespace hermitage::inspect
