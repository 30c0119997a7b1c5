// A ring of bytes: data that a TCP connection has sent and the peer has not acknowledged, and data that are not yet
// sent.
#pragma once

#include <array>
#include <cstddef>

#include "guests/network/wire.hpp"

namespace guest::network {

class SendBuffer {
 public:
  static constexpr std::size_t kCapacity = std::size_t{32} << 10;
  using Ring = std::array<std::byte, kCapacity>;

  [[nodiscard]] auto size() const -> std::size_t { return size_; }
  [[nodiscard]] auto free() const -> std::size_t { return kCapacity - size_; }

  // Stores the bytes in `ring`, which may be uninitialized. The buffer is empty.
  void begin(Ring& ring) {
    ring_ = &ring;
    begin_ = size_ = 0;
  }

  // Appends as many bytes as fit. Returns their number.
  auto write(ConstBytes bytes) -> std::size_t {
    const auto count = bytes.size() < free() ? bytes.size() : free();
    const auto at = (begin_ + size_) % kCapacity;
    const auto straight = count < kCapacity - at ? count : kCapacity - at;
    copy(Bytes{*ring_}.subspan(at), bytes.first(straight));
    copy(*ring_, bytes.subspan(straight, count - straight));
    size_ += count;
    return count;
  }

  // Copies from `offset` on. Precondition: offset + to.size() <= size().
  void read(std::size_t offset, Bytes to) const {
    const auto at = (begin_ + offset) % kCapacity;
    const auto straight = to.size() < kCapacity - at ? to.size() : kCapacity - at;
    copy(to, ConstBytes{*ring_}.subspan(at, straight));
    copy(to.subspan(straight), ConstBytes{*ring_}.first(to.size() - straight));
  }

  // Removes the first bytes. Precondition: count <= size().
  void drop(std::size_t count) {
    begin_ = (begin_ + count) % kCapacity;
    size_ -= count;
  }

 private:
  Ring* ring_ = nullptr;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace guest::network
