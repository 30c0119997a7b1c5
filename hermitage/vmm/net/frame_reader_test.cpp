#include "hermitage/vmm/net/frame_reader.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::net {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::size_t kMost = 100;

void append(Bytes& stream, const Bytes& frame) {
  const auto length = encode_length(static_cast<std::uint32_t>(frame.size()));
  stream.insert(stream.end(), length.begin(), length.end());
  stream.insert(stream.end(), frame.begin(), frame.end());
}

// Copies at most `most` bytes to the pieces, and removes them from the stream.
auto fill(std::span<iovec> pieces, std::span<const std::byte>& stream, std::size_t most) -> std::size_t {
  std::size_t count = 0;
  for (const auto& piece : pieces) {
    const auto here = std::min({piece.iov_len, stream.size(), most - count});
    if (here > 0) std::memcpy(piece.iov_base, stream.data(), here);
    stream = stream.subspan(here);
    count += here;
  }
  return count;
}

// All frames of a stream in chunks of at most next_chunk() bytes. Each chunk has a new buffer for the frame.
template <class NextChunk>
auto read_all(FrameReader& reader, std::span<const std::byte> stream, const NextChunk& next_chunk)
    -> std::vector<Bytes> {
  std::vector<Bytes> frames;
  while (!stream.empty() && !reader.is_malformed()) {
    Bytes frame(kMost);
    const auto pieces = reader.pieces(frame);
    if (const auto size = reader.advance(frame, fill(pieces, stream, next_chunk())); size != 0) {
      frame.resize(size);
      frames.push_back(frame);
    }
  }
  return frames;
}

TEST(FrameReader, GivesFramesOfAnySize) {
  const std::vector<Bytes> frames{Bytes(1, std::byte{1}), Bytes(kMost, std::byte{2}), Bytes(60, std::byte{3})};
  Bytes stream;
  for (const auto& frame : frames) append(stream, frame);
  FrameReader reader{kMost};
  EXPECT_EQ(read_all(reader, stream, [] { return std::size_t{1000}; }), frames);
  EXPECT_FALSE(reader.is_malformed());
}

TEST(FrameReader, GivesTheSameFramesByteByByte) {
  const std::vector<Bytes> frames{Bytes(1, std::byte{1}), Bytes(kMost, std::byte{2}), Bytes(60, std::byte{3})};
  Bytes stream;
  for (const auto& frame : frames) append(stream, frame);
  FrameReader reader{kMost};
  EXPECT_EQ(read_all(reader, stream, [] { return std::size_t{1}; }), frames);
}

TEST(FrameReader, GivesTheSameFramesInRandomChunks) {
  std::mt19937 random{1};
  for (int round = 0; round < 100; ++round) {
    std::vector<Bytes> frames;
    Bytes stream;
    for (int i = 0; i < 20; ++i) {
      frames.emplace_back(1 + random() % kMost, static_cast<std::byte>(random()));
      append(stream, frames.back());
    }
    FrameReader reader{kMost};
    ASSERT_EQ(read_all(reader, stream, [&random] { return std::size_t{1} + random() % 150; }), frames);
  }
}

TEST(FrameReader, FindsLengthsMalformed) {
  for (const std::uint32_t length : {0U, 101U, 0x7fffffffU, 0xffffffffU}) {
    Bytes stream;
    append(stream, Bytes(7, std::byte{1}));
    const auto bytes = encode_length(length);
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    FrameReader reader{kMost};
    EXPECT_EQ(read_all(reader, stream, [] { return std::size_t{1000}; }).size(), 1U) << length;
    EXPECT_TRUE(reader.is_malformed()) << length;
  }
}

TEST(FrameReader, AsksForNothingBehindTheNextLength) {
  FrameReader reader{kMost};
  Bytes frame(kMost);
  ASSERT_EQ(reader.pieces(frame).size(), 1U);
  EXPECT_EQ(reader.pieces(frame)[0].iov_len, kLengthSize);
  const auto length = encode_length(9);
  std::memcpy(reader.pieces(frame)[0].iov_base, length.data(), kLengthSize);
  EXPECT_EQ(reader.advance(frame, kLengthSize), 0U);
  const auto pieces = reader.pieces(frame);
  ASSERT_EQ(pieces.size(), 2U);
  EXPECT_EQ(pieces[0].iov_len, 9U);
  EXPECT_EQ(pieces[1].iov_len, kLengthSize);
}

}  // namespace
}  // namespace hermitage::vmm::net
