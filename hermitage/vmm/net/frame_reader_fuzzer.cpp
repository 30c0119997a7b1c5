// A stream of frames in chunks: the even bytes of the input are the stream, and the odd ones are the sizes of the
// chunks.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "hermitage/vmm/net/frame_reader.hpp"

namespace {

using hermitage::vmm::net::FrameReader;

constexpr std::size_t kMost = 300;

struct Result {
  std::vector<std::vector<std::byte>> frames;
  bool is_malformed = false;

  friend auto operator==(const Result&, const Result&) -> bool = default;
};

// `chunks` contains the sizes minus 1, and is repeated. If it is empty, there is one chunk.
auto read_all(std::span<const std::byte> stream, std::span<const std::uint8_t> chunks) -> Result {
  FrameReader reader{kMost};
  Result result;
  std::size_t chunk = 0;
  while (!stream.empty() && !reader.is_malformed()) {
    std::vector<std::byte> frame(kMost);
    auto left = chunks.empty() ? stream.size() : std::size_t{1} + chunks[chunk++ % chunks.size()];
    std::size_t count = 0;
    for (const auto& piece : reader.pieces(frame)) {
      const auto here = std::min({piece.iov_len, stream.size(), left});
      if (here > 0) std::memcpy(piece.iov_base, stream.data(), here);
      stream = stream.subspan(here);
      left -= here;
      count += here;
    }
    const auto size = reader.advance(frame, count);
    if (size > kMost) std::abort();
    frame.resize(size);
    if (size > 0) result.frames.push_back(std::move(frame));
  }
  result.is_malformed = reader.is_malformed();
  return result;
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  std::vector<std::byte> stream;
  std::vector<std::uint8_t> chunks;
  for (std::size_t i = 0; i < size; ++i) {
    if (i % 2 == 0) {
      stream.push_back(static_cast<std::byte>(data[i]));
    } else {
      chunks.push_back(data[i]);
    }
  }
  if (read_all(stream, {}) != read_all(stream, chunks)) std::abort();
  return 0;
}
