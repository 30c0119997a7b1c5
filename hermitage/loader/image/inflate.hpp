// Takes DEFLATE's compression off: RFC 1951, without a heap. It takes what zlib takes, and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace hermitage::loader {

enum class InflateProblem : std::uint8_t {
  truncated,    // the input ends before the compressed data does
  damaged,      // no compressor writes this
  output_full,  // there is more to come than the output can hold
};

struct Inflated {
  std::size_t read;     // bytes of the input; what is behind them is not compressed data
  std::size_t written;  // bytes of the output
};

// Needs some 5 KiB of stack. The output must not overlap the input.
[[nodiscard]] auto inflate(std::span<const std::byte> input, std::span<std::byte> output) noexcept
    -> std::expected<Inflated, InflateProblem>;

}  // namespace hermitage::loader
