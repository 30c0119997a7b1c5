#include "guests/devices/virtqueue.hpp"

#include "guests/runtime/guest.hpp"

namespace guest {

void Virtqueue::start(std::uint16_t size, bool has_event_index) {
  size_ = size;
  has_event_index_ = has_event_index;
  added_ = published_ = taken_ = 0;
  is_out_ = {};
  available_.flags.set(0);
  available_.index.set(0);
  used_.flags.set(0);
  used_.index.set(0);
  used_.ring[size].head.set(0);
  want_interrupt(false);
}

void Virtqueue::add(std::uint16_t head) {
  is_out_[head] = true;
  available_.ring[added_ % size_].set(head);
  ++added_;
}

auto Virtqueue::publish() -> bool {
  if (added_ == published_) return false;
  const auto before = published_;
  published_ = added_;
  memory_barrier();
  available_.index.set(published_);
  device_barrier();  // before the read of the device's notification request
  if (!has_event_index_) return (used_.flags.get() & UsedRing::kNoNotify) == 0;
  // virtio 1.2, 2.7.10: whether the index that the device waits for was just passed.
  const auto event = static_cast<std::uint16_t>(used_.ring[size_].head.get());
  return static_cast<std::uint16_t>(published_ - event - 1) < static_cast<std::uint16_t>(published_ - before);
}

// The device must only return chains that it has. Otherwise it would access memory that it must not.
auto Virtqueue::take() -> std::optional<Used> {
  if (!has_used()) return std::nullopt;
  memory_barrier();
  const auto& element = used_.ring[taken_ % size_];
  const auto head = element.head.get();
  if (head >= size_ || !is_out_[head]) fail("net: the device has used a buffer that it does not have");
  is_out_[head] = false;
  ++taken_;
  return Used{.head = static_cast<std::uint16_t>(head), .size = element.size.get()};
}

void Virtqueue::want_interrupt(bool wants) {
  if (has_event_index_) {
    // A distant index, or the next one.
    available_.ring[size_].set(static_cast<std::uint16_t>(wants ? taken_ : taken_ - 0x4000));
  } else {
    available_.flags.set(wants ? 0 : Available::kNoInterrupt);
  }
  device_barrier();
}

}  // namespace guest
