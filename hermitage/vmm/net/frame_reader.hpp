// Frames in a stream of bytes, each after its length: 4 bytes, big-endian, as QEMU's and passt's sockets have them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sys/uio.h>

namespace hermitage::vmm::net {

inline constexpr std::size_t kLengthSize = 4;

[[nodiscard]] auto encode_length(std::uint32_t length) noexcept -> std::array<std::byte, kLengthSize>;

// Says where the next bytes of the stream belong, and is told how many there were. It asks for no more than one frame
// and the length after it: while a frame is in the stream, the stream is readable.
class FrameReader {
 public:
  // The largest frame that is accepted, in bytes.
  explicit FrameReader(std::size_t most) : partial_{std::make_unique<std::byte[]>(most)}, most_{most} {}

  // The next frame is empty, or larger than what is accepted. Nothing can be read after that.
  [[nodiscard]] auto is_malformed() const noexcept -> bool;

  // Where the next bytes go. `frame` has room for the largest frame. Not when it is malformed.
  [[nodiscard]] auto pieces(std::span<std::byte> frame) noexcept -> std::span<iovec>;

  // So many bytes, at least 1, were stored in the pieces for the same `frame`. Returns the size of the frame that is
  // there now, or 0: there are only parts of one, which this object keeps.
  [[nodiscard]] auto advance(std::span<std::byte> frame, std::size_t count) noexcept -> std::size_t;

 private:
  using Length = std::array<std::byte, kLengthSize>;

  [[nodiscard]] auto size() const noexcept -> std::size_t;

  Length length_{};  // of the next frame
  std::size_t length_got_ = 0;
  Length length_after_{};
  std::unique_ptr<std::byte[]> partial_;  // the next frame's first bytes
  std::size_t partial_got_ = 0;
  std::size_t most_;
  std::array<iovec, 2> pieces_{};
};

}  // namespace hermitage::vmm::net
