#include "guests/network/checksum.hpp"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "guests/network/crc32.hpp"

namespace guest::network {
namespace {

auto bytes_of(const std::vector<int>& values) -> std::vector<std::byte> {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

// The definition of RFC 1071.
auto simple_checksum(ConstBytes bytes) -> std::uint16_t {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    sum += static_cast<std::uint32_t>(get8(bytes, i)) << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

TEST(ChecksumTest, OfTheRfcsExample) {
  EXPECT_EQ(checksum_of(bytes_of({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7})), 0x220d);
}

TEST(ChecksumTest, OfAnySizeAndAlignment) {
  std::mt19937 random{1};
  std::vector<std::byte> bytes(200);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t begin = 0; begin < 8; ++begin) {
    for (std::size_t size = 0; size < 150; ++size) {
      const auto piece = ConstBytes{bytes}.subspan(begin, size);
      EXPECT_EQ(checksum_of(piece), simple_checksum(piece)) << begin << ", " << size;
    }
  }
}

TEST(ChecksumTest, OfMuchThatIsAllOnes) {
  const std::vector<std::byte> bytes(65536, std::byte{0xff});
  EXPECT_EQ(checksum_of(bytes), 0);
}

TEST(ChecksumTest, OfAPseudoHeader) {
  Checksum checksum;
  checksum.add_pseudo_header(Ipv4Address{0x0a000001}, Ipv4Address{0x0a000002}, Protocol::udp, 9);
  EXPECT_EQ(checksum.sum(), 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 17 + 9);
}

TEST(Crc32Test, OfTheUsualExample) {
  constexpr std::string_view kText = "123456789";
  Crc32 crc;
  crc.add(std::as_bytes(std::span{kText}));
  EXPECT_EQ(crc.value(), 0xcbf43926);
  EXPECT_EQ(Crc32{}.value(), 0);
}

}  // namespace
}  // namespace guest::network
