#include "hermitage/inspect/quantities.hpp"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::inspect {
namespace {

constexpr std::uint64_t kKiB = 1024;
constexpr std::uint64_t kMiB = kKiB * 1024;
constexpr std::uint64_t kGiB = kMiB * 1024;
constexpr std::uint64_t kTiB = kGiB * 1024;
constexpr std::uint64_t kPiB = kTiB * 1024;
constexpr std::uint64_t kEiB = kPiB * 1024;

TEST(HumanSize, HasAtMostOneDigitBehindThePoint) {
  struct Case {
    std::uint64_t bytes;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {0, "0 bytes"},
      {1, "1 byte"},
      {2, "2 bytes"},
      {640, "640 bytes"},
      {1023, "1023 bytes"},
      {1024, "1 KiB"},
      {1025, "1 KiB"},
      {1075, "1 KiB"},
      {1076, "1.1 KiB"},
      {1536, "1.5 KiB"},
      {640512, "625.5 KiB"},
      {10 * kKiB, "10 KiB"},
      {64 * kMiB, "64 MiB"},
      {64 * kMiB + 1, "64 MiB"},
      {kMiB + kMiB / 2, "1.5 MiB"},
      {3 * kGiB, "3 GiB"},
      {kTiB, "1 TiB"},
      {kPiB, "1 PiB"},
      {kEiB, "1 EiB"},
      {kEiB + kEiB / 2, "1.5 EiB"},
      {UINT64_MAX, "16 EiB"},
  };
  for (const auto& [bytes, text] : kCases) EXPECT_EQ(human_size(bytes), text) << bytes;
}

TEST(HumanSize, NeverSays1024OfAUnit) {
  for (const auto unit : {kKiB, kMiB, kGiB, kTiB, kPiB}) {
    const std::string next = human_size(unit * 1024);
    EXPECT_EQ(human_size(unit * 1024 - 1), next) << unit;
    for (const auto less : {unit / 100, unit / 30, unit / 20, unit / 19, unit / 16, unit / 10}) {
      const auto text = human_size(unit * 1024 - less);
      EXPECT_FALSE(text.starts_with("1024")) << text;
      EXPECT_TRUE(text == next || text.starts_with("1023.9")) << text;
    }
    EXPECT_TRUE(human_size(unit * 1024 - unit / 10).starts_with("1023.9 ")) << unit;
    EXPECT_TRUE(human_size(unit * 1023).starts_with("1023 ")) << unit;
  }
}

TEST(Quantities, ATlsSegmentIsATemplateAndZeros) {
  EXPECT_EQ(tls_size_text(32, 129), "template of 32 bytes and 97 zeros");
  EXPECT_EQ(tls_size_text(0, 8), "template of 0 bytes and 8 zeros");
  EXPECT_EQ(tls_size_text(9, 8), "template of 9 bytes and 0 zeros");
}

TEST(Hex, IsWrittenWithItsPrefix) {
  EXPECT_EQ(hex(0), "0x0");
  EXPECT_EQ(hex(0x40000), "0x40000");
  EXPECT_EQ(hex(0xabcdef), "0xabcdef");
  EXPECT_EQ(hex(UINT64_MAX), "0xffffffffffffffff");
}

TEST(Printable, LeavesTextAlone) {
  for (const std::string_view text : {"", "hello", "~ !\"#$%&'()*+,-./:;<=>?@[]^_`{|}", "ä → 漢字 🦀", "\xc2\xa0",
                                      "\xed\x9f\xbf", "\xee\x80\x80", "\xf4\x8f\xbf\xbd"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, WritesControlCharactersInHexadecimal) {
  for (unsigned byte = 0; byte < 0x20; ++byte) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::string text{'a', static_cast<char>(byte), 'b'};
    EXPECT_EQ(printable(text), std::string{R"(a\x)"} + kDigits[byte / 16] + kDigits[byte % 16] + "b");
  }
  EXPECT_EQ(printable("\x7f"), R"(\x7f)");
  EXPECT_EQ(printable("\x1b[31mred\x1b[0m\n"), R"(\x1b[31mred\x1b[0m\x0a)");
  // C1. U+009B is the same as ESC [.
  EXPECT_EQ(printable("\xc2\x80\xc2\x9b\xc2\x9f"), R"(\xc2\x80\xc2\x9b\xc2\x9f)");
  EXPECT_EQ(printable({"\0", 1}), R"(\x00)");
}

TEST(Printable, WritesWhatIsNotUtf8InHexadecimal) {
  struct Case {
    std::string_view text, expected;
  };
  constexpr Case kCases[] = {
      {"\x80", R"(\x80)"},
      {"a\xffz", R"(a\xffz)"},
      {"\xc3", R"(\xc3)"},
      {"\xc3(", R"(\xc3()"},
      {"\xe2\x82", R"(\xe2\x82)"},
      {"\xe2\x82z", R"(\xe2\x82z)"},
      {"\xf0\x9f\xa6", R"(\xf0\x9f\xa6)"},
      // The character after the malformed bytes is found.
      {"\xe2\xc3\xa4", "\\xe2\xc3\xa4"},
      {"\xf0\x9f\xe2\x82\xac", "\\xf0\\x9f\xe2\x82\xac"},
      {"\x9b\x1b", R"(\x9b\x1b)"},
  };
  for (const auto& [text, expected] : kCases) EXPECT_EQ(printable(text), expected);
}

// The permitted second bytes for a first byte, from table 3-7 of the Unicode standard.
struct SecondBytes {
  unsigned first, last;
};
auto second_bytes_after(unsigned lead) -> SecondBytes {
  if (lead < 0xc2 || lead > 0xf4) return {.first = 1, .last = 0};
  switch (lead) {
    case 0xe0: return {.first = 0xa0, .last = 0xbf};
    case 0xed: return {.first = 0x80, .last = 0x9f};
    case 0xf0: return {.first = 0x90, .last = 0xbf};
    case 0xf4: return {.first = 0x80, .last = 0x8f};
    default: return {.first = 0x80, .last = 0xbf};
  }
}

TEST(Printable, KnowsUtf8ByItsTwoFirstBytes) {
  for (unsigned lead = 0x80; lead <= 0xff; ++lead) {
    const std::size_t length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const auto [first, last] = second_bytes_after(lead);
    for (unsigned second = 0x20; second <= 0xff; ++second) {
      if (second == 0x7f || (lead == 0xc2 && second >= 0x80 && second < 0xa0)) continue;
      std::string text{static_cast<char>(lead), static_cast<char>(second), '\x81', '\x81'};
      text.resize(length);
      const bool is_right = second >= first && second <= last;
      EXPECT_EQ(printable(text) == text, is_right) << std::hex << lead << ' ' << second;
    }
  }
}

TEST(Printable, MakesAnythingPrintable) {
  for (unsigned first = 0; first <= 0xff; ++first) {
    for (unsigned second = 0; second <= 0xff; ++second) {
      const auto text = printable(std::string{static_cast<char>(first), static_cast<char>(second)});
      for (const char character : text) {
        EXPECT_GE(static_cast<unsigned char>(character), 0x20U);
        EXPECT_NE(character, '\x7f');
      }
      EXPECT_EQ(printable(text), text);
    }
  }
}

TEST(SegmentTypeName, KnowsTheUsualOnes) {
  struct Case {
    std::uint32_t type;
    std::string_view name;
  };
  constexpr Case kCases[] = {
      {0, "PT_NULL"},
      {1, "PT_LOAD"},
      {2, "PT_DYNAMIC"},
      {3, "PT_INTERP"},
      {4, "PT_NOTE"},
      {5, "PT_SHLIB"},
      {6, "PT_PHDR"},
      {7, "PT_TLS"},
      {0x6474e550, "PT_GNU_EH_FRAME"},
      {0x6474e551, "PT_GNU_STACK"},
      {0x6474e552, "PT_GNU_RELRO"},
      {0x6474e553, "PT_GNU_PROPERTY"},
      {8, "0x8"},
      {0x6fffffff, "0x6fffffff"},
      {UINT32_MAX, "0xffffffff"},
  };
  for (const auto& [type, name] : kCases) EXPECT_EQ(segment_type_name(type), name);
}

TEST(FlagsText, IsThatOfLs) {
  constexpr std::string_view kTexts[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};
  for (std::uint32_t flags = 0; flags < 8; ++flags) {
    EXPECT_EQ(flags_text(flags), kTexts[flags]);
    // The bits of the operating system and the processor are ignored.
    EXPECT_EQ(flags_text(flags | 0xfffffff8), kTexts[flags]);
  }
}

TEST(Quantities, LongTextsAreCut) {
  EXPECT_EQ(cut_printable("", 3), "");
  EXPECT_EQ(cut_printable("abc", 3), "abc");
  EXPECT_EQ(cut_printable("abcd", 3), "ab…");
  EXPECT_EQ(cut_printable("äöü", 3), "äöü");
  EXPECT_EQ(cut_printable("äöüß", 3), "äö…");
  EXPECT_EQ(cut_printable("𝒳𝒳𝒳", 2), "𝒳…");
  EXPECT_EQ(cut_printable("\x1b[1m", 4), "\\x1…");
  EXPECT_EQ(cut_printable(std::string(100'000, 'x'), 5), "xxxx…");
  EXPECT_EQ(cut_printable("ab", 1), "…");
}

}  // namespace
}  // namespace hermitage::inspect
