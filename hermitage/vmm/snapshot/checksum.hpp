// The checksum of snapshots.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hermitage::vmm::snapshot {

// A checksum of 64 bits over words of 8 bytes. It differs for any two inputs of the same size that differ in one word.
// It detects damage, not forgery.
class Checksum {
 public:
  // All calls but the last get a multiple of 8 bytes.
  void add(std::span<const std::byte> bytes) noexcept {
    std::size_t at = 0;
    for (; at + sizeof(std::uint64_t) <= bytes.size(); at += sizeof(std::uint64_t)) add_word(bytes.data() + at);
    if (at == bytes.size()) return;
    std::byte last[sizeof(std::uint64_t)]{};
    std::memcpy(last, bytes.data() + at, bytes.size() - at);
    add_word(last);
  }

  [[nodiscard]] auto value() const noexcept -> std::uint64_t { return state_; }

 private:
  // Each step is a bijection of the state, and of the word.
  void add_word(const std::byte* source) noexcept {
    constexpr std::uint64_t kMultiplier = 0x9e37'79b9'7f4a'7c15;
    constexpr int kRotation = 29;
    std::uint64_t word = 0;
    std::memcpy(&word, source, sizeof word);
    state_ = (state_ ^ word) * kMultiplier;
    state_ ^= state_ >> 32;
    state_ = std::rotl(state_, kRotation);
  }

  std::uint64_t state_ = 0x6865'726d'6974'6167;
};

[[nodiscard]] inline auto checksum_of(std::span<const std::byte> bytes) noexcept -> std::uint64_t {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.value();
}

}  // namespace hermitage::vmm::snapshot
