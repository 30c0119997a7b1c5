// Compares the decompression of any gzip data with that of programs, and decompresses valid gzip data of any bytes.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hermitage/image/gunzip.hpp"
#include "hermitage/loader/image/gunzip.hpp"
#include "testing/archives.hpp"

namespace {

void check(std::span<const std::byte> bytes) {
  static std::vector<std::byte> output(1 << 20);
  const auto written = hermitage::loader::gunzip(bytes, output);
  const auto expected = hermitage::image::gunzip(bytes, output.size());
  if (written && !*written) return;  // the output is too large
  if (written.has_value() != expected.has_value()) __builtin_trap();
  if (!written) {
    if (written.error().view().empty()) __builtin_trap();
    return;
  }
  if (!std::ranges::equal(std::span{output}.first(**written), *expected)) __builtin_trap();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  const auto bytes = std::as_bytes(std::span{data, size});
  check(bytes);
  check(hermitage::testing::gzip(bytes));
  return 0;
}
