// A split virtqueue: virtio 1.2, 2.7.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::virtio {

// An error of the driver in a queue, as a sentence without a subject: "names memory that there is not".
struct QueueFault {
  const char* what;
};

// A chain of buffers that the driver has made available. They are in the guest memory, which can change at any time.
struct Chain {
  std::uint16_t head = 0;
  std::vector<iovec> buffers = {};
  std::size_t readable_count = 0;  // number of readable buffers, which come first
  std::uint64_t readable_size = 0;
  std::uint64_t writable_size = 0;

  [[nodiscard]] auto readable() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const iovec> {
    return std::span{buffers}.first(readable_count);
  }
  [[nodiscard]] auto writable() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const iovec> {
    return std::span{buffers}.subspan(readable_count);
  }
};

struct QueueLayout {
  std::uint16_t size;  // number of descriptors, a power of two
  GuestAddress descriptors;
  GuestAddress available;
  GuestAddress used;
};

struct QueueFeatures {
  bool indirect_descriptors = false;
  bool event_index = false;
};

// For one thread at a time. All values from the driver are untrusted: each is copied once and checked.
class Queue {
 public:
  // The longest chain of an indirect table, in descriptors. Other chains cannot be longer than the queue.
  static constexpr std::size_t kMaxChain = 1024;

  // Fails if the layout violates virtio, or is outside the memory.
  [[nodiscard]] static auto make(const GuestMemory& memory, const QueueLayout& layout, QueueFeatures features)
      -> std::expected<Queue, QueueFault>;

  // The number of available chains.
  [[nodiscard]] auto available() const -> std::expected<std::uint16_t, QueueFault>;
  // Removes the next available chain. Returns false if there is none.
  [[nodiscard]] auto pop(Chain& chain) -> std::expected<bool, QueueFault>;
  // Makes the last `count` chains available again, as if they had not been removed.
  void undo_pop(std::uint16_t count) noexcept { next_ = static_cast<std::uint16_t>(next_ - count); }

  // Returns a chain to the driver, with the number of bytes that were written to it. The driver sees it after
  // publish().
  void push(std::uint16_t head, std::uint32_t written) noexcept;
  // Makes the pushed chains visible to the driver. Returns true if the driver wants an interrupt.
  [[nodiscard]] auto publish() noexcept -> bool;

  // Tells the driver that notifications are not needed. The driver can ignore this.
  void disable_notifications() noexcept;
  // Requests a notification when more than `known` chains are available. Returns true if they are already available:
  // the driver may have sent no notification.
  [[nodiscard]] auto enable_notifications(std::uint16_t known = 0) noexcept -> bool;

  // The chains taken and returned so far, modulo 2^16, and their numbers in a queue that continues.
  [[nodiscard]] auto taken() const noexcept -> std::uint16_t { return next_; }
  [[nodiscard]] auto returned() const noexcept -> std::uint16_t { return published_; }
  void continue_from(std::uint16_t taken, std::uint16_t returned) noexcept {
    next_ = taken;
    pushed_ = published_ = returned;
  }

  [[nodiscard]] auto size() const noexcept -> std::uint16_t { return size_; }
  // The parts of the queue, for code that serves it in place of this object.
  [[nodiscard]] auto descriptors() const noexcept -> std::span<std::byte> { return descriptors_; }
  [[nodiscard]] auto available_ring() const noexcept -> std::span<std::byte> { return available_; }
  [[nodiscard]] auto used_ring() const noexcept -> std::span<std::byte> { return used_; }

 private:
  struct Descriptor;

  Queue(const GuestMemory& memory, std::uint16_t size, QueueFeatures features) noexcept;

  [[nodiscard]] auto walk(Chain& chain, std::span<const std::byte> table, std::uint16_t first, bool is_indirect) const
      -> std::expected<void, QueueFault>;
  [[nodiscard]] auto add_buffer(Chain& chain, const Descriptor& descriptor) const -> std::expected<void, QueueFault>;
  [[nodiscard]] auto walk_indirect(Chain& chain, const Descriptor& descriptor) const -> std::expected<void, QueueFault>;

  const GuestMemory* memory_;
  std::span<std::byte> descriptors_;
  std::span<std::byte> available_;
  std::span<std::byte> used_;
  std::uint16_t size_;
  QueueFeatures features_;
  std::uint16_t next_ = 0;       // chains taken, modulo 2^16
  std::uint16_t pushed_ = 0;     // chains returned
  std::uint16_t published_ = 0;  // of them, those that the driver sees
};

}  // namespace hermitage::vmm::virtio
