#include "hermitage/entry/format.hpp"

#include <span>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "testing/kernels.hpp"

namespace hermitage::entry {
namespace {

auto format_of(std::string_view bytes) -> Format {
  return detect_format(std::as_bytes(std::span{bytes}));
}

TEST(Format, IsToldByTheFirstBytes) {
  EXPECT_EQ(format_of("\x7f"
                      "ELF"),
            Format::elf);
  EXPECT_EQ(format_of("\x7f"
                      "ELF\x02\x01\x01"),
            Format::elf);
  EXPECT_EQ(format_of({"\x1f\x8b\x08\x00", 4}), Format::gzip);
  EXPECT_EQ(format_of("\x1f\x8b\x08\xff and more"), Format::gzip);
}

TEST(Format, FewerThanFourBytesAreOfNone) {
  EXPECT_EQ(detect_format({}), Format::unknown);
  constexpr std::string_view kElf =
      "\x7f"
      "ELF";
  constexpr std::string_view kGzip = "\x1f\x8b\x08\x08";
  for (std::size_t size = 0; size < 4; ++size) {
    EXPECT_EQ(format_of(kElf.substr(0, size)), Format::unknown) << size;
    EXPECT_EQ(format_of(kGzip.substr(0, size)), Format::unknown) << size;
  }
}

TEST(Format, EveryByteOfTheMagicCounts) {
  for (const std::string_view magic : {"\x7f"
                                       "ELF",
                                       "\x1f\x8b\x08"}) {
    for (std::size_t i = 0; i < magic.size(); ++i) {
      for (const unsigned flip : {0x01U, 0x20U, 0x80U}) {
        std::string changed = std::string{magic} + "....";
        changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ flip);
        EXPECT_EQ(format_of(changed), Format::unknown) << i << ' ' << flip;
      }
    }
  }
  EXPECT_EQ(format_of("FLE\x7f"), Format::unknown);
  EXPECT_EQ(format_of({"\0\x7f"
                       "ELF",
                       5}),
            Format::unknown);
  EXPECT_EQ(format_of("#!/bin/sh\n"), Format::unknown);
}

TEST(Format, DoesNotLookFurtherThanTheMagic) {
  for (const auto& sample : testing::sample_kernels()) {
    if (sample.error == ProblemCode::not_elf) {
      EXPECT_EQ(detect_format(sample.bytes), Format::unknown) << sample.name;
    } else {
      EXPECT_EQ(detect_format(sample.bytes), Format::elf) << sample.name;
    }
  }
}

}  // namespace
}  // namespace hermitage::entry
