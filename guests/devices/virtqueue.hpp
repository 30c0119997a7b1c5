// The driver's side of a split virtqueue (virtio 1.2, 2.7).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "guests/devices/mmio.hpp"

namespace guest {

struct VirtqueueDescriptor {
  static constexpr std::uint16_t kNext = 1;
  static constexpr std::uint16_t kWrite = 2;
  static constexpr std::uint16_t kIndirect = 4;

  Little<std::uint64_t> address;
  Little<std::uint32_t> size;
  Little<std::uint16_t> flags;
  Little<std::uint16_t> next;

  void set(std::uint64_t the_address, std::uint32_t the_size, unsigned the_flags, unsigned the_next = 0) {
    address.set(the_address);
    size.set(the_size);
    flags.set(static_cast<std::uint16_t>(the_flags));
    next.set(static_cast<std::uint16_t>(the_next));
  }
};
static_assert(sizeof(VirtqueueDescriptor) == 16);

// The user of this class fills in descriptors, and states which of them begin a chain. The buffer of a descriptor
// never changes, so there is no allocation.
class Virtqueue {
 public:
  static constexpr std::uint16_t kMostSize = 1024;

  // `size` must be a power of two. Afterwards, no chain is available or used.
  void start(std::uint16_t size, bool has_event_index);

  [[nodiscard]] auto size() const -> std::uint16_t { return size_; }
  [[nodiscard]] auto descriptor(std::size_t index) -> VirtqueueDescriptor& { return descriptors_[index]; }

  [[nodiscard]] auto descriptors_address() const -> std::uint64_t { return device_address_of(&descriptors_); }
  [[nodiscard]] auto available_address() const -> std::uint64_t { return device_address_of(&available_); }
  [[nodiscard]] auto used_address() const -> std::uint64_t { return device_address_of(&used_); }

  // Makes the chain that begins at descriptor `head` available to the device after the next publish().
  void add(std::uint16_t head);
  // Returns whether the device wants a notification.
  [[nodiscard]] auto publish() -> bool;

  struct Used {
    std::uint16_t head;
    std::uint32_t size;  // bytes that the device has written
  };
  // The next chain that the device has used. Ends the guest if the device does not have that chain.
  [[nodiscard]] auto take() -> std::optional<Used>;
  [[nodiscard]] auto has_used() const -> bool { return used_.index.get() != taken_; }

  // Whether the device should interrupt after the next used chain. It may also interrupt at other times.
  void want_interrupt(bool wants);

 private:
  struct Available {
    static constexpr std::uint16_t kNoInterrupt = 1;
    Little<std::uint16_t> flags;
    Little<std::uint16_t> index;
    Little<std::uint16_t> ring[kMostSize + 1];  // after the last: used_event
  };
  struct UsedElement {
    Little<std::uint32_t> head;
    Little<std::uint32_t> size;
  };
  struct UsedRing {
    static constexpr std::uint16_t kNoNotify = 1;
    Little<std::uint16_t> flags;
    Little<std::uint16_t> index;
    UsedElement ring[kMostSize + 1];  // after the last: avail_event
  };

  alignas(16) VirtqueueDescriptor descriptors_[kMostSize];
  alignas(4) Available available_;
  alignas(4) UsedRing used_;
  std::uint16_t size_ = 0;
  bool has_event_index_ = false;
  std::uint16_t added_ = 0;               // number of added chains
  std::uint16_t published_ = 0;           // number of published chains
  std::uint16_t taken_ = 0;               // number of taken chains
  std::array<bool, kMostSize> is_out_{};  // by head: the device has the chain
};

}  // namespace guest
