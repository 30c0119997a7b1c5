// The checksum of snapshots.
#pragma once

#include <array>
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
  // All calls but the last get a multiple of this many bytes. What is missing of the last block counts as zeros.
  static constexpr std::size_t kBlockSize = 32;

  void add(std::span<const std::byte> bytes) noexcept {
    auto lanes = lanes_;  // a copy that no byte of the input can be a part of, so that it stays in registers
    for (; bytes.size() >= kBlockSize; bytes = bytes.subspan(kBlockSize)) add_block(lanes, bytes.data());
    if (!bytes.empty()) {
      std::array<std::byte, kBlockSize> last{};
      std::memcpy(last.data(), bytes.data(), bytes.size());
      add_block(lanes, last.data());
    }
    lanes_ = lanes;
  }

  [[nodiscard]] auto value() const noexcept -> std::uint64_t {
    std::uint64_t result = 0;
    for (const auto lane : lanes_) result = step(result, lane);
    return result;
  }

 private:
  // A CPU computes the lanes at once.
  using Lanes = std::array<std::uint64_t, kBlockSize / sizeof(std::uint64_t)>;

  static void add_block(Lanes& lanes, const std::byte* source) noexcept {
    for (auto& lane : lanes) {
      std::uint64_t word = 0;
      std::memcpy(&word, source, sizeof word);
      lane = step(lane, word);
      source += sizeof word;
    }
  }

  // A bijection of the state, and of the word.
  [[nodiscard]] static constexpr auto step(std::uint64_t state, std::uint64_t word) noexcept -> std::uint64_t {
    constexpr std::uint64_t kMultiplier = 0x9e37'79b9'7f4a'7c15;
    constexpr int kRotation = 29;
    state = (state ^ word) * kMultiplier;
    state ^= state >> 32;
    return std::rotl(state, kRotation);
  }

  Lanes lanes_{0x6865'726d'6974'6167, 1, 2, 3};
};

[[nodiscard]] inline auto checksum_of(std::span<const std::byte> bytes) noexcept -> std::uint64_t {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.value();
}

}  // namespace hermitage::vmm::snapshot
