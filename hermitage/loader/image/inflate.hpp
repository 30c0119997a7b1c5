// Decompresses DEFLATE data (RFC 1951) without a heap. Accepts the same data as zlib.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace hermitage::loader {

enum class InflateProblem : std::uint8_t {
  truncated,    // the input ends before the end of the compressed data
  damaged,      // no compressor writes such data
  output_full,  // the output is too small
};

struct Inflated {
  std::size_t read;     // bytes of the input; the bytes after them are not compressed data
  std::size_t written;  // bytes of the output
};

// Needs about 5 KiB of stack. The output must not overlap the input.
[[nodiscard]] auto inflate(std::span<const std::byte> input, std::span<std::byte> output) noexcept
    -> std::expected<Inflated, InflateProblem>;

}  // namespace hermitage::loader
