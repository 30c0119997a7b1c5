// Common code of the fuzz targets for all boot protocols.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

// A memory with the fuzzer's bytes, followed by zeros up to `at_least`. It is a copy of exactly that size, so that
// the sanitizer detects a read after its end.
inline auto fuzzed_memory(const std::uint8_t* data, std::size_t size, std::size_t at_least = 0)
    -> std::vector<std::byte> {
  std::vector<std::byte> bytes(std::max(size, at_least));
  std::ranges::copy(std::as_bytes(std::span{data, size}), bytes.begin());
  return bytes;
}

// Traps unless memory ranges are in order, ranges are inside the memory, and the command line is readable.
inline void trap_if_inconsistent(const Handover& handover) {
  std::uint64_t last = 0;
  for (const auto range : handover.memory.ram()) {
    if (range.start.value < last || range.end <= range.start) __builtin_trap();
    last = range.end.value;
  }
  const auto place = handover.memory.find(0x1000, 0x1000, {{0}, {UINT64_MAX}});
  if (place && !handover.memory.is_free(*place)) __builtin_trap();
  std::uint64_t sum = 0;
  for (const char character : handover.command_line) sum += static_cast<unsigned char>(character);
  if (sum != 0 && handover.command_line.empty()) __builtin_trap();
}

// `read`: the reader of a protocol, with the protocol's structure at the start of the memory.
inline void fuzz_handover(std::span<std::byte> bytes,
                          auto (*read)(const PhysicalMemory&, GuestAddress, Handover&) noexcept -> Result<void>) {
  constexpr GuestAddress kStart{0x1000};
  Handover handover;
  if (read({bytes, kStart}, kStart, handover)) trap_if_inconsistent(handover);
}

}  // namespace hermitage::loader
