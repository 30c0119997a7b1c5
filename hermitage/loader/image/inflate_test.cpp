#include "hermitage/loader/image/inflate.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>
#include <zlib.h>

namespace hermitage::loader {
namespace {

using Bytes = std::vector<std::byte>;

auto bytes(std::initializer_list<unsigned> values) -> Bytes {
  Bytes result;
  for (const auto value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

auto deflated(std::span<const std::byte> data, int level, int strategy) -> Bytes {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, level, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL, strategy), Z_OK);
  // Some versions of zlib return a bound that is too small for empty data at level 0.
  Bytes result(::deflateBound(&stream, data.size()) + 16);
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(result.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  result.resize(stream.total_out);
  ::deflateEnd(&stream);
  return result;
}

// Text with near and distant repetitions, and noise.
auto sample() -> Bytes {
  std::mt19937 random{1};
  Bytes data;
  for (int i = 0; i < 3000; ++i) data.push_back(static_cast<std::byte>(random()));
  for (int i = 0; i < 20000; ++i) data.push_back(static_cast<std::byte>('a' + random() % 4));
  const Bytes all = data;
  for (int i = 0; i < 3; ++i) data.insert(data.end(), all.begin(), all.end());
  data.resize(data.size() + 1000);
  return data;
}

auto problem_of(std::span<const std::byte> input, std::size_t output_size = 1000) -> std::optional<InflateProblem> {
  Bytes output(output_size);
  const auto result = inflate(input, output);
  return result ? std::nullopt : std::optional{result.error()};
}

TEST(Inflate, GivesBackWhatZlibCompressed) {
  const auto all = sample();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100}, all.size()}) {
    const auto data = std::span{all}.first(size);
    for (const int level : {0, 1, 6, 9}) {
      for (const int strategy : {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED}) {
        auto input = deflated(data, level, strategy);
        const auto compressed_size = input.size();
        input.push_back(std::byte{0xaa});  // not a part of the data
        Bytes output(size);
        const auto result = inflate(input, output);
        ASSERT_TRUE(result) << size << ' ' << level << ' ' << strategy;
        EXPECT_EQ(result->read, compressed_size);
        EXPECT_EQ(result->written, size);
        EXPECT_TRUE(std::ranges::equal(output, data));
      }
    }
  }
}

TEST(Inflate, EndsWithItsInput) {
  const auto data = sample();
  for (const int strategy : {Z_DEFAULT_STRATEGY, Z_FIXED}) {
    const auto input = deflated(std::span{data}.first(4000), 6, strategy);
    for (std::size_t size = 0; size < input.size(); ++size) {
      EXPECT_EQ(problem_of(std::span{input}.first(size), 4000), InflateProblem::truncated) << size;
    }
  }
}

TEST(Inflate, WritesNothingBehindTheOutput) {
  const auto data = sample();
  for (const int level : {0, 6}) {
    const auto input = deflated(data, level, Z_DEFAULT_STRATEGY);
    for (const std::size_t missing : {std::size_t{1}, std::size_t{500}, data.size()}) {
      EXPECT_EQ(problem_of(input, data.size() - missing), InflateProblem::output_full) << missing;
    }
  }
}

TEST(Inflate, RefusesWhatNoCompressorWrites) {
  EXPECT_EQ(problem_of(bytes({7})), InflateProblem::damaged);                    // a block of the unused fourth type
  EXPECT_EQ(problem_of(bytes({1, 1, 0, 0, 0, 9})), InflateProblem::damaged);     // stored; size and its complement
  EXPECT_EQ(problem_of(bytes({0x63, 0x18, 3, 0})), InflateProblem::damaged);     // fixed; a distance before the output
  EXPECT_EQ(problem_of(bytes({0xfd, 0xff, 0xff, 0})), InflateProblem::damaged);  // dynamic; 288 literals
  EXPECT_EQ(problem_of(bytes({5, 0, 0, 0, 0, 0, 0})), InflateProblem::damaged);  // dynamic; no code for the lengths
  EXPECT_EQ(problem_of(bytes({0x1b, 3, 0, 0, 0, 0})), InflateProblem::damaged);  // fixed; symbol 286
}

}  // namespace
}  // namespace hermitage::loader
