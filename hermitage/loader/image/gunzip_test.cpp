#include "hermitage/loader/image/gunzip.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/image/gunzip.hpp"
#include "testing/archives.hpp"

namespace hermitage::loader {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::string_view kText = "a text, a text, and a text";

auto text_bytes(std::string_view text) -> Bytes {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

auto packed_text() -> Bytes {
  return testing::gzip(std::as_bytes(std::span{kText}));
}

auto unpacked(const Bytes& file, std::size_t size = 1000) -> std::string {
  Bytes output(size);
  const auto written = gunzip(file, output);
  if (!written) return written.error().c_str();
  if (!*written) return "no room";
  return {reinterpret_cast<const char*>(output.data()), **written};
}

// A gzip file with the text, these flags and their header fields.
auto with_header(unsigned flags, std::string_view fields) -> Bytes {
  auto file = packed_text();
  file[3] = static_cast<std::byte>(flags);
  const auto inserted = text_bytes(fields);
  file.insert(file.begin() + 10, inserted.begin(), inserted.end());
  return file;
}

TEST(LoaderGunzip, TakesOneMemberOrMore) {
  const auto one = packed_text();
  EXPECT_EQ(unpacked(one), kText);
  auto two = one;
  two.insert(two.end(), one.begin(), one.end());
  EXPECT_EQ(unpacked(two), std::string{kText} + std::string{kText});
  EXPECT_EQ(unpacked(two, 2 * kText.size()).size(), 2 * kText.size());
}

TEST(LoaderGunzip, PassesOverTheFieldsOfTheHeader) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(unpacked(with_header(1, ""sv)), kText);
  EXPECT_EQ(unpacked(with_header(4, "\3\0abc"sv)), kText);
  EXPECT_EQ(unpacked(with_header(8 + 16, "name\0comment\0"sv)), kText);
  EXPECT_EQ(unpacked(with_header(4 + 8 + 16, "\0\0\0\0"sv)), kText);
  EXPECT_EQ(unpacked(with_header(2, "xx"sv)), "the image has a damaged gzip header: wrong checksum");
  EXPECT_EQ(unpacked(with_header(0x20, ""sv)), "the image has a gzip header with unknown flags");
}

TEST(LoaderGunzip, SaysWhatIsWrong) {
  const auto good = packed_text();
  EXPECT_EQ(unpacked({}), "the image is empty");
  EXPECT_EQ(unpacked(text_bytes("text")), "the image is not gzip data");

  auto bytes = good;
  bytes[2] = std::byte{7};
  EXPECT_EQ(unpacked(bytes), "the image has a damaged gzip header");
  bytes = good;
  bytes[bytes.size() - 8] ^= std::byte{1};
  EXPECT_EQ(unpacked(bytes), "the image has damaged gzip data: wrong checksum");
  bytes = good;
  bytes[bytes.size() - 4] ^= std::byte{1};
  EXPECT_EQ(unpacked(bytes), "the image has damaged gzip data: wrong size");
  bytes = good;
  bytes[10] = std::byte{7};
  EXPECT_EQ(unpacked(bytes), "the image has damaged gzip data");
  bytes = good;
  bytes.push_back(std::byte{1});
  EXPECT_EQ(unpacked(bytes), "the image has data after its gzip data");
}

TEST(LoaderGunzip, SaysWhatHasNoRoom) {
  const auto good = packed_text();
  EXPECT_EQ(unpacked(good, kText.size() - 1), "no room");
  EXPECT_EQ(unpacked(good, kText.size()), kText);
  EXPECT_EQ(stated_size_of_gzip(good), kText.size());
  EXPECT_EQ(stated_size_of_gzip(std::span{good}.first(3)), 0U);
}

TEST(LoaderGunzip, WantsAllOfTheFile) {
  using std::string_view_literals::operator""sv;
  for (const auto& good : {packed_text(), with_header(4 + 8 + 16, "\3\0abcname\0comment\0"sv)}) {
    for (std::size_t size = 1; size < good.size(); ++size) {
      EXPECT_EQ(unpacked({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}),
                "the image is truncated within its gzip data");
    }
  }
}

TEST(LoaderGunzip, PassesOverZerosBehindTheLastMember) {
  const auto member = packed_text();
  const auto join = [](std::initializer_list<Bytes> parts) {
    Bytes joined;
    for (const auto& part : parts) joined.insert(joined.end(), part.begin(), part.end());
    return joined;
  };
  for (const std::size_t count : {1UZ, 7UZ, 512UZ, 300'000UZ}) {
    const Bytes zeros(count);
    const auto padded = join({member, zeros});
    EXPECT_EQ(unpacked(padded), kText) << count;
    EXPECT_TRUE(image::gunzip(padded, 1000)) << count;
    for (const auto& wrong : {join({zeros, member}), join({member, zeros, member}), join({padded, {std::byte{1}}})}) {
      EXPECT_NE(unpacked(wrong), kText) << count;
      EXPECT_FALSE(image::gunzip(wrong, 1000)) << count;
    }
  }
}

TEST(LoaderGunzip, DecidesAsProgramsDo) {
  const auto good = with_header(4 + 8 + 16, std::string_view{"\3\0abcname\0comment\0", 18});
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      auto bytes = good;
      bytes[at] = static_cast<std::byte>(value);
      Bytes output(1000);
      const auto written = gunzip(bytes, output);
      const auto expected = image::gunzip(bytes, output.size());
      ASSERT_EQ(written.has_value(), expected.has_value()) << at << ' ' << value;
      if (!written) continue;
      EXPECT_TRUE(std::ranges::equal(std::span{output}.first(written->value()), *expected));
    }
  }
}

}  // namespace
}  // namespace hermitage::loader
