// Frames in a stream of bytes. A length of 4 bytes, big-endian, precedes each frame, as on the sockets of QEMU and
// passt.
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

// Provides the place for the next bytes of the stream; advance() reports how many were stored. It requests at most one
// frame and the length after it, so the stream stays readable while it contains another frame.
class FrameReader {
 public:
  // `most` is the largest frame that is accepted, in bytes.
  explicit FrameReader(std::size_t most) : partial_{std::make_unique<std::byte[]>(most)}, most_{most} {}

  // Whether the next frame is empty or too large. Nothing can be read after that.
  [[nodiscard]] auto is_malformed() const noexcept -> bool;

  // The place for the next bytes. `frame` has space for the largest frame. Precondition: not is_malformed().
  [[nodiscard]] auto pieces(std::span<std::byte> frame) noexcept -> std::span<iovec>;

  // `count` bytes, at least 1, were stored in the pieces for the same `frame`. Returns the size of the frame that is
  // now complete, or 0. This object keeps the parts of an incomplete frame.
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
