// Compares the decompression of any bytes with zlib: both must succeed or both must fail, with the same output.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <zlib.h>

#include "hermitage/loader/image/inflate.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::loader;
  constexpr std::size_t kOutputSize = 1 << 20;
  static std::vector<std::byte> output(kOutputSize);
  static std::vector<std::byte> expected(kOutputSize);
  // The input ends at the end of a heap block, so that a sanitizer detects a read after it.
  const std::vector<std::uint8_t> input{data, data + size};

  z_stream stream{};
  if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) __builtin_trap();
  stream.next_in = const_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(expected.data());
  stream.avail_out = kOutputSize;
  const bool is_whole = ::inflate(&stream, Z_FINISH) == Z_STREAM_END;
  ::inflateEnd(&stream);

  const auto inflated = inflate(std::as_bytes(std::span{input}), output);
  if (inflated.has_value() != is_whole) __builtin_trap();
  if (!inflated) return 0;
  if (inflated->read != stream.total_in || inflated->written != stream.total_out) __builtin_trap();
  if (!std::equal(output.begin(), output.begin() + static_cast<std::ptrdiff_t>(inflated->written), expected.begin())) {
    __builtin_trap();
  }
  return 0;
}
