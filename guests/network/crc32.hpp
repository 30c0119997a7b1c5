// CRC-32 as in Ethernet, gzip and zlib's crc32().
#pragma once

#include <array>
#include <cstdint>

#include "guests/network/wire.hpp"

namespace guest::network {

class Crc32 {
 public:
  void add(ConstBytes bytes) {
    for (const auto byte : bytes) value_ = kTable[(value_ ^ static_cast<std::uint8_t>(byte)) & 0xff] ^ value_ >> 8;
  }
  [[nodiscard]] auto value() const -> std::uint32_t { return ~value_; }

 private:
  static constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320 : 0);
      table[i] = value;
    }
    return table;
  }();

  std::uint32_t value_ = ~std::uint32_t{0};
};

}  // namespace guest::network
