#include "hermitage/oci/image/unzstd.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <zstd.h>

#include <gtest/gtest.h>

namespace hermitage::oci {
namespace {

using Bytes = std::vector<std::byte>;

auto random_bytes(std::size_t size) -> Bytes {
  std::mt19937 random{7};
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 16);
  return bytes;
}

auto packed(const Bytes& bytes, int window_log = 0) -> Bytes {
  auto* const context = ::ZSTD_createCCtx();
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  if (window_log != 0) ::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  Bytes result(::ZSTD_compressBound(bytes.size()));
  // Without a known size, the frame has the window that was asked for.
  ZSTD_outBuffer out{.dst = result.data(), .size = result.size(), .pos = 0};
  ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
  ::ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
  ::ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
  ::ZSTD_freeCCtx(context);
  result.resize(out.pos);
  return result;
}

auto unpacked(const Bytes& bytes, std::uint64_t limit = 1 << 30) -> std::expected<Bytes, std::string> {
  image::MemorySource source{bytes};
  Unzstd pieces{source, limit};
  Bytes result;
  for (;;) {
    const auto piece = pieces.next();
    if (!piece) return std::unexpected{piece.error().text};
    if (piece->empty()) return result;
    result.insert(result.end(), piece->begin(), piece->end());
  }
}

TEST(UnzstdTest, UnpacksFrames) {
  for (const std::size_t size : {0UZ, 1UZ, 1000UZ, 256UZ << 10, (1UZ << 20) + 7}) {
    const auto bytes = random_bytes(size);
    EXPECT_EQ(unpacked(packed(bytes)), bytes) << size;
  }
  // Zeros, of which a few bytes become many, and several frames, of which one is skipped.
  const Bytes zeros(5 << 20);
  auto two = packed(zeros);
  const Bytes skippable{
      std::byte{0x50}, std::byte{0x2a}, std::byte{0x4d}, std::byte{0x18}, std::byte{1}, {}, {}, {}, {}};
  two.insert(two.end(), skippable.begin(), skippable.end());
  const auto second = packed(random_bytes(10));
  two.insert(two.end(), second.begin(), second.end());
  const auto result = unpacked(two);
  ASSERT_TRUE(result) << result.error();
  EXPECT_EQ(result->size(), zeros.size() + 10);
}

TEST(UnzstdTest, DamagedDataAreRefused) {
  const auto right = packed(random_bytes(100'000));
  for (std::size_t size = 5; size < right.size(); size += 997) {
    EXPECT_EQ(unpacked({right.begin(), right.begin() + static_cast<std::ptrdiff_t>(size)}).error(),
              "is truncated within its zstd data")
        << size;
  }
  auto changed = right;
  changed.back() ^= std::byte{1};  // of the checksum
  EXPECT_EQ(unpacked(changed).error(), "has damaged zstd data: Restored data doesn't match checksum");
  changed = right;
  changed.push_back(std::byte{1});
  EXPECT_FALSE(unpacked(changed));
}

TEST(UnzstdTest, SizesAreLimited) {
  const auto bomb = packed(Bytes(64 << 20));
  EXPECT_EQ(unpacked(bomb, 1 << 20).error(), "unpacks to more than the limit of 1048576 bytes");
  EXPECT_TRUE(unpacked(packed(random_bytes(1000), 27)));
  EXPECT_EQ(unpacked(packed(random_bytes(1000), 28)).error(),
            "has damaged zstd data: Frame requires too much memory for decoding");
}

}  // namespace
}  // namespace hermitage::oci
