#include "hermitage/entry/bytes.hpp"

#include <array>
#include <cstdint>
#include <string_view>

#include <gtest/gtest.h>

namespace hermitage::entry {
namespace {

constexpr std::uint64_t kMax = UINT64_MAX;
constexpr std::uint64_t kHighestBit = std::uint64_t{1} << 63;

// 0x00, 0x01, 0x02 …: the value of each byte is its offset.
template <std::size_t size>
constexpr auto numbered_bytes() -> std::array<std::byte, size> {
  std::array<std::byte, size> bytes{};
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i);
  return bytes;
}

TEST(Bytes, SwapsEveryWidth) {
  static_assert(swap_bytes<std::uint8_t>(0x12) == 0x12);
  static_assert(swap_bytes<std::uint16_t>(0x1234) == 0x3412);
  static_assert(swap_bytes<std::uint32_t>(0x12345678) == 0x78563412);
  static_assert(swap_bytes<std::uint64_t>(0x0123456789abcdef) == 0xefcdab8967452301);
  static_assert(swap_bytes<std::uint16_t>(0x00ff) == 0xff00);
  static_assert(swap_bytes<std::uint32_t>(0x80000001) == 0x01000080);
  static_assert(swap_bytes<std::uint64_t>(1) == std::uint64_t{1} << 56);
  static_assert(swap_bytes<std::uint64_t>(kMax) == kMax);
}

TEST(Bytes, NativeEndianIsThatOfThisMachine) {
  const std::uint16_t one = 1;
  const bool is_little = std::bit_cast<std::array<std::byte, 2>>(one)[0] == std::byte{1};
  EXPECT_EQ(kNativeEndian, is_little ? Endian::little : Endian::big);
}

TEST(Bytes, ReadsEveryWidthInBothOrdersAtAnyOffset) {
  const auto bytes = numbered_bytes<16>();
  for (std::size_t at = 0; at <= 8; ++at) {
    std::uint64_t big = 0;
    std::uint64_t little = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      big = big << 8 | (at + i);
      little |= static_cast<std::uint64_t>(at + i) << (8 * i);
    }
    EXPECT_EQ(read<std::uint64_t>(bytes, at, Endian::big), big) << at;
    EXPECT_EQ(read<std::uint64_t>(bytes, at, Endian::little), little) << at;
    EXPECT_EQ(read<std::uint32_t>(bytes, at, Endian::big), big >> 32) << at;
    EXPECT_EQ(read<std::uint32_t>(bytes, at, Endian::little), little & UINT32_MAX) << at;
    EXPECT_EQ(read<std::uint16_t>(bytes, at, Endian::big), big >> 48) << at;
    EXPECT_EQ(read<std::uint16_t>(bytes, at, Endian::little), little & UINT16_MAX) << at;
    EXPECT_EQ(read<std::uint8_t>(bytes, at, Endian::big), at);
    EXPECT_EQ(read<std::uint8_t>(bytes, at, Endian::little), at);
    EXPECT_EQ((read<std::uint64_t, Endian::big>(bytes, at)), big) << at;
    EXPECT_EQ((read<std::uint64_t, Endian::little>(bytes, at)), little) << at;
  }
}

TEST(Bytes, ReadsTheVeryLastBytes) {
  const auto bytes = numbered_bytes<8>();
  EXPECT_EQ((read<std::uint64_t, Endian::big>(bytes, 0)), 0x0001020304050607U);
  EXPECT_EQ((read<std::uint32_t, Endian::big>(bytes, 4)), 0x04050607U);
  EXPECT_EQ((read<std::uint16_t, Endian::big>(bytes, 6)), 0x0607U);
  EXPECT_EQ((read<std::uint8_t, Endian::big>(bytes, 7)), 7U);
}

// Writes `value` at offset 3, and compares the result with bytes written one by one.
template <std::unsigned_integral T>
void expect_written(T value) {
  constexpr std::size_t kAt = 3;
  for (const auto order : {Endian::little, Endian::big}) {
    auto expected = numbered_bytes<16>();
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      const auto shift = 8 * (order == Endian::little ? i : sizeof(T) - 1 - i);
      expected[kAt + i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> shift);
    }
    auto bytes = numbered_bytes<16>();
    write<T>(bytes, kAt, value, order);
    EXPECT_EQ(bytes, expected);

    bytes = numbered_bytes<16>();
    if (order == Endian::little) {
      write<T, Endian::little>(bytes, kAt, value);
    } else {
      write<T, Endian::big>(bytes, kAt, value);
    }
    EXPECT_EQ(bytes, expected);
  }
}

TEST(Bytes, WritesEveryWidthInBothOrdersAndNothingElse) {
  expect_written<std::uint8_t>(0xfe);
  expect_written<std::uint16_t>(0xfedc);
  expect_written<std::uint32_t>(0xfedcba98);
  expect_written<std::uint64_t>(0xfedcba9876543210);
}

TEST(Bytes, CheckedAddKnowsWhatFits) {
  static_assert(checked_add(0, 0) == 0U);
  static_assert(checked_add(kMax, 0) == kMax);
  static_assert(checked_add(0, kMax) == kMax);
  static_assert(checked_add(kMax - 1, 1) == kMax);
  static_assert(!checked_add(kMax, 1));
  static_assert(!checked_add(1, kMax));
  static_assert(!checked_add(kMax, kMax));
  static_assert(!checked_add(kHighestBit, kHighestBit));
  static_assert(checked_add(kHighestBit, kHighestBit - 1) == kMax);
}

TEST(Bytes, RangeFitsHoldsForAllValues) {
  struct Case {
    std::uint64_t offset, size, limit;
    bool fits;
  };
  constexpr Case kCases[] = {
      {0, 0, 0, true},       {0, 1, 0, false},         {1, 0, 0, false},          {0, 8, 8, true},
      {0, 9, 8, false},      {7, 1, 8, true},          {8, 0, 8, true},           {8, 1, 8, false},
      {9, 0, 8, false},      {kMax, 0, kMax, true},    {kMax, 1, kMax, false},    {kMax - 1, 1, kMax, true},
      {0, kMax, kMax, true}, {1, kMax, kMax, false},   {kMax, kMax, kMax, false}, {kMax, kMax, 16, false},
      {16, kMax, 32, false}, {kMax - 7, 8, 16, false}, {kMax - 7, 16, 16, false}, {kHighestBit, kHighestBit, 0, false},
  };
  for (const auto& [offset, size, limit, fits] : kCases) {
    EXPECT_EQ(range_fits(offset, size, limit), fits) << offset << ' ' << size << ' ' << limit;
  }
}

TEST(Bytes, RangeFitsAgreesWithCounting) {
  for (std::uint64_t limit = 0; limit < 6; ++limit) {
    for (std::uint64_t offset = 0; offset < 8; ++offset) {
      for (std::uint64_t size = 0; size < 8; ++size) {
        EXPECT_EQ(range_fits(offset, size, limit), offset + size <= limit) << offset << ' ' << size << ' ' << limit;
      }
    }
  }
}

TEST(Bytes, PowersOfTwo) {
  EXPECT_FALSE(is_power_of_two(0));
  for (unsigned shift = 0; shift < 64; ++shift) {
    const auto power = std::uint64_t{1} << shift;
    EXPECT_TRUE(is_power_of_two(power)) << power;
    if (shift > 1) {
      EXPECT_FALSE(is_power_of_two(power - 1)) << power;
      EXPECT_FALSE(is_power_of_two(power + 1)) << power;
      EXPECT_FALSE(is_power_of_two(power | power >> 1)) << power;
    }
  }
  EXPECT_FALSE(is_power_of_two(kMax));
}

TEST(Bytes, AlignsUp) {
  static_assert(checked_align_up(0, 1) == 0U);
  static_assert(checked_align_up(kMax, 1) == kMax);
  static_assert(checked_align_up(0, 4) == 0U);
  static_assert(checked_align_up(1, 4) == 4U);
  static_assert(checked_align_up(3, 4) == 4U);
  static_assert(checked_align_up(4, 4) == 4U);
  static_assert(checked_align_up(5, 4) == 8U);
  static_assert(checked_align_up(0, kHighestBit) == 0U);
  static_assert(checked_align_up(1, kHighestBit) == kHighestBit);
  static_assert(checked_align_up(kHighestBit, kHighestBit) == kHighestBit);
  static_assert(!checked_align_up(kHighestBit + 1, kHighestBit));
  static_assert(checked_align_up(kMax - 4095, 4096) == kMax - 4095);
  static_assert(!checked_align_up(kMax - 4094, 4096));
  static_assert(!checked_align_up(kMax, 2));
}

TEST(ByteView, KnowsItsBytesAndTheirOrder) {
  const auto bytes = numbered_bytes<4>();
  const ByteView little{bytes, Endian::little};
  const ByteView big{bytes, Endian::big};
  EXPECT_EQ(little.size(), 4U);
  EXPECT_FALSE(little.empty());
  EXPECT_EQ(little.bytes().data(), bytes.data());
  EXPECT_EQ(little.endian(), Endian::little);
  EXPECT_EQ(big.endian(), Endian::big);
  EXPECT_EQ(little.get<std::uint16_t>(1), 0x0201U);
  EXPECT_EQ(big.get<std::uint16_t>(1), 0x0102U);
  EXPECT_EQ(big.text(), (std::string_view{"\0\1\2\3", 4}));

  const ByteView none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.size(), 0U);
  EXPECT_EQ(none.text(), "");
}

TEST(ByteView, SlicesWhatExistsWhole) {
  const auto bytes = numbered_bytes<8>();
  const ByteView view{bytes, Endian::big};
  const auto middle = view.slice(2, 3);
  ASSERT_TRUE(middle);
  EXPECT_EQ(middle->bytes().data(), bytes.data() + 2);
  EXPECT_EQ(middle->size(), 3U);
  EXPECT_EQ(middle->endian(), Endian::big);

  ASSERT_TRUE(view.slice(0, 8));
  EXPECT_EQ(view.slice(0, 8)->size(), 8U);
  ASSERT_TRUE(view.slice(8, 0));
  EXPECT_TRUE(view.slice(8, 0)->empty());
  EXPECT_FALSE(view.slice(0, 9));
  EXPECT_FALSE(view.slice(8, 1));
  EXPECT_FALSE(view.slice(9, 0));
  EXPECT_FALSE(view.slice(kMax, 1));
  EXPECT_FALSE(view.slice(1, kMax));
  EXPECT_FALSE(view.slice(kMax, kMax));
}

TEST(ByteView, ClampsSlicesToWhatExists) {
  const auto bytes = numbered_bytes<8>();
  const ByteView view{bytes, Endian::big};
  struct Case {
    std::uint64_t offset, size, expected_size;
  };
  constexpr Case kCases[] = {
      {0, 8, 8},    {0, 9, 8}, {0, kMax, 8}, {2, 3, 3},
      {2, 6, 6},    {2, 7, 6}, {7, kMax, 1}, {8, 0, 0},
      {8, 1, 0},    {9, 1, 0}, {kMax, 1, 0}, {kMax, kMax, 0},
      {1, kMax, 7}, {4, 0, 0}, {0, 0, 0},    {kHighestBit, kHighestBit, 0},
  };
  for (const auto& [offset, size, expected_size] : kCases) {
    const auto slice = view.clamped_slice(offset, size);
    EXPECT_EQ(slice.size(), expected_size) << offset << ' ' << size;
    EXPECT_EQ(slice.endian(), Endian::big);
    if (expected_size != 0) {
      EXPECT_EQ(slice.bytes().data(), bytes.data() + offset);
    }
  }
}

}  // namespace
}  // namespace hermitage::entry
