#include "hermitage/base/memory_size.hpp"

#include <gtest/gtest.h>

namespace hermitage::base {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

auto error_of(std::uint64_t size) -> std::string {
  const auto checked = check_memory_size(size);
  return checked ? "" : checked.error().text;
}

TEST(MemorySize, IsAMultipleOf2MiBAnd16MiBAtLeast) {
  for (const auto size : {16 * kMiB, 18 * kMiB, kDefaultMemory, 4096 * kMiB, std::uint64_t{1} << 60}) {
    EXPECT_EQ(error_of(size), "") << size;
  }
  for (const auto size : {std::uint64_t{0}, kMiB, 14 * kMiB, 16 * kMiB - 1}) {
    EXPECT_EQ(error_of(size), "a guest needs at least 16 MiB of memory") << size;
  }
  EXPECT_EQ(error_of(64'000'000), "64000000 bytes of memory are not a multiple of 2 MiB; the next multiple is 62 MiB");
  EXPECT_EQ(error_of(16 * kMiB + 1),
            "16777217 bytes of memory are not a multiple of 2 MiB; the next multiple is 18 MiB");
}

}  // namespace
}  // namespace hermitage::base
