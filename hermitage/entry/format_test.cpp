#include "hermitage/entry/format.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/entry/elf_file.hpp"
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

TEST(Format, FewerThanFourBytesAreNoKernelAndNoImage) {
  constexpr std::string_view kElf =
      "\x7f"
      "ELF";
  constexpr std::string_view kGzip = "\x1f\x8b\x08\x08";
  for (std::size_t size = 1; size < 4; ++size) {
    EXPECT_EQ(format_of(kElf.substr(0, size)), Format::unknown) << size;
    EXPECT_NE(format_of(kGzip.substr(0, size)), Format::elf) << size;
  }
}

TEST(Format, EveryByteOfTheMagicCounts) {
  for (const std::string_view magic : {"\x7f"
                                       "ELF",
                                       "\x1f\x8b\x08"}) {
    const auto format = format_of(std::string{magic} + "\x02...");
    for (std::size_t i = 0; i < magic.size(); ++i) {
      for (const unsigned flip : {0x01U, 0x20U, 0x80U}) {
        std::string changed = std::string{magic} + "\x02...";
        changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ flip);
        EXPECT_NE(format_of(changed), format) << i << ' ' << flip;
      }
    }
  }
  EXPECT_EQ(format_of("FLE\x7f"), Format::unknown);
  EXPECT_EQ(format_of({"\0\x7f"
                       "ELF",
                       5}),
            Format::unknown);
}

// These bytes at an offset, with zeros before them.
auto at(std::size_t offset, std::string_view bytes, std::string beginning = {}) -> std::string {
  beginning.resize(offset, '\0');
  return beginning.append(bytes);
}

// A DOS header, and a PE header at 0x80 for this subsystem.
auto pe_file(char subsystem) -> std::string {
  const auto dos = at(0x3c, {"\x80\0\0\0", 4}, "MZ");
  const auto pe = at(0x80, {"PE\0\0\x64\x86", 6}, dos);
  return at(0x80 + 24 + 68, {&subsystem, 1}, pe) + '\0';
}

struct Case {
  Format format;
  std::string bytes;
};

// The first bytes of files made with common tools.
auto files_of_others() -> std::vector<Case> {
  const std::string elf32{
      "\x7f"
      "ELF\x01\x01\x01\0",
      8};
  const std::string tar = "hermit.toml" + std::string(89, '\0') + "0000644" + std::string(150, '\0');
  return {
      {Format::elf32, elf32},
      {Format::tar, at(257,
                       {"ustar\0"
                        "00",
                        8},
                       tar)},
      {Format::tar, at(257, "ustar  ", tar)},
      {Format::xz,
       {"\xfd"
        "7zXZ\0\0\x04\xe6\xd6\xb4\x46",
        12}},
      {Format::zstd, {"\x28\xb5\x2f\xfd\x24\x06\x31\0", 8}},
      {Format::bzip2, "BZh91AY&SY"},
      {Format::lz4, {"\x04\x22\x4d\x18\x64\x40\xa7\x06\0\0\x80", 11}},
      {Format::zip, {"PK\x03\x04\x0a\0\0\0", 8}},
      {Format::ar, "!<arch>\n/               0           0     0     0       14814     `\n"},
      {Format::git_lfs_pointer,
       "version https://git-lfs.github.com/spec/v1\n"
       "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"},
      {Format::linux_kernel, at(0x1fe, "\x55\xaa\xeb\x6aHdrS\x0f\x02", pe_file(10))},
      {Format::linux_kernel, at(0x38, "ARM\x64", "MZ")},
      {Format::linux_kernel, at(0x38, "RSC\x05", "MZ")},
      {Format::uefi_application, pe_file(10)},
      {Format::pe, pe_file(3)},
      {Format::mach_o, {"\xcf\xfa\xed\xfe\x0c\0\0\x01", 8}},
      {Format::mach_o, {"\xca\xfe\xba\xbe\0\0\0\x02", 8}},
      {Format::script, "#!/bin/sh\nexit 1\n"},
      {Format::html, "\n<!DOCTYPE html>\n<html>"},
      {Format::html, "\xef\xbb\xbf<HTML lang=en>"},
      {Format::text, "garbage, and more of it"},
      {Format::text, "?html>"},
      {Format::text, "Grüße\n"},
      {Format::text, "MZ is where this text begins, and it is long enough to have something at 0x3c, as text"},
      {Format::empty, ""},
      {Format::snapshot, {"HERMSNAP\1\0\0\0", 12}},
      {Format::unknown, {"\xca\xfe\xba\xbe\0\0\0\x34", 8}},  // a Java class
      {Format::unknown, "Gr\xfc\xdf"},                       // Latin-1
      {Format::unknown, {"text\0and more", 13}},
  };
}

TEST(Format, NamesWhatElseAFileIs) {
  for (const auto& [format, bytes] : files_of_others()) EXPECT_EQ(format_of(bytes), format) << bytes;
}

TEST(Format, TakesAnyBeginningOfAFile) {
  for (const auto& [format, bytes] : files_of_others()) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      // The copy has exactly these bytes, so that AddressSanitizer detects a read after its end.
      const std::vector<char> beginning{bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)};
      EXPECT_NE(format_of({beginning.data(), size}), Format::gzip) << bytes;
    }
  }
}

TEST(Format, OfLongTextOnlyTheBeginningCounts) {
  // The end of the examined bytes is within a character.
  for (std::size_t size = kFormatBytes - 4; size <= kFormatBytes; ++size) {
    EXPECT_EQ(format_of(std::string(size, 'x') + "\xf0\x9f\x98\x80" + std::string(10, 'x')), Format::text) << size;
  }
  EXPECT_EQ(format_of(std::string(kFormatBytes, 'x') + '\0'), Format::text);
  EXPECT_EQ(format_of(std::string(kFormatBytes - 1, 'x') + '\0'), Format::unknown);
  EXPECT_EQ(format_of("cut off within \xf0\x9f\x98"), Format::unknown) << "where the file ends, too";
}

TEST(Format, HasANameAndADescription) {
  std::vector<std::string_view> names;
  for (const auto& [format, bytes] : files_of_others()) {
    EXPECT_FALSE(description(format).empty());
    EXPECT_EQ(name(format) == "unknown", format == Format::unknown);
    names.push_back(name(format));
  }
  EXPECT_EQ(name(Format::git_lfs_pointer), "git_lfs_pointer");
  EXPECT_EQ(name(Format::gzip_elf), "gzip_elf");
  EXPECT_EQ(name(Format::empty), "empty");
}

TEST(Format, IsSaidWhereAKernelIsWanted) {
  const auto message_for = [](Format format) {
    return std::string{
        Problem{.code = ProblemCode::not_elf, .found = static_cast<std::uint64_t>(format)}.message().view()};
  };
  EXPECT_EQ(message_for(Format::unknown), "not an ELF file");
  EXPECT_EQ(message_for(Format::text), "text, not an ELF file");
  EXPECT_EQ(message_for(Format::git_lfs_pointer), "a Git LFS pointer, not an ELF file; run git lfs pull");
  for (const auto& [format, bytes] : files_of_others()) {
    if (format == Format::elf32) continue;  // not_64_bit, if the header is complete
    const auto opened = ElfFile::open(std::as_bytes(std::span{bytes}));
    ASSERT_FALSE(opened);
    EXPECT_EQ(std::string{opened.error().message().view()}, message_for(format));
  }
}

TEST(Format, AdviceIsGivenFor32BitFiles) {
  const Problem problem{.code = ProblemCode::not_64_bit, .expected = 2, .found = 1};
  EXPECT_TRUE(problem.message().view().ends_with(advice(Format::elf32)));
  const Problem other_class{.code = ProblemCode::not_64_bit, .expected = 2, .found = 3};
  EXPECT_FALSE(other_class.message().view().ends_with(advice(Format::elf32)));
}

TEST(Format, OfAKernelIsToldByItsClass) {
  for (const auto& sample : testing::sample_kernels()) {
    const auto format = detect_format(sample.bytes);
    if (sample.error == ProblemCode::not_elf) {
      EXPECT_NE(format, Format::elf) << sample.name;
    } else {
      EXPECT_TRUE(format == Format::elf || sample.error == ProblemCode::not_64_bit) << sample.name;
    }
  }
}

}  // namespace
}  // namespace hermitage::entry
