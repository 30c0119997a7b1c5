// The peers of a virtio device, for tests: a driver with queues in the memory of a guest, a backend that stores frames,
// and interrupts that are counted.
#pragma once

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/devices/virtio/constants.hpp"
#include "hermitage/vmm/devices/virtio/queue.hpp"
#include "hermitage/vmm/devices/virtio/vhost.hpp"
#include "hermitage/vmm/interrupts.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/net/backend.hpp"

namespace hermitage::vmm::virtio::testing {

using Bytes = std::vector<std::byte>;

// `size` different bytes, depending on `seed`.
inline auto pattern(std::size_t size, unsigned seed) -> Bytes {
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(seed++ * 7 + 3);
  return bytes;
}

// A frame with an empty header.
inline auto frame_of(std::size_t size, unsigned seed) -> Bytes {
  auto frame = pattern(net::kHeaderSize + size, seed);
  std::fill_n(frame.begin(), net::kHeaderSize, std::byte{});
  return frame;
}

// Frames to receive, and frames that were sent. Any thread can use it.
class FakeBackend final : public net::Backend {
 public:
  [[nodiscard]] auto descriptor() const noexcept -> int override { return event_.get(); }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return offered; }
  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override {
    const std::scoped_lock lock{mutex_};
    set.push_back(taken);
    return {};
  }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, net::Closed> override {
    const std::scoped_lock lock{mutex_};
    if (is_closed) return std::unexpected{net::Closed{"the test has closed it"}};
    if (incoming.empty()) return 0;
    const auto frame = std::move(incoming.front());
    incoming.pop_front();
    std::ranges::copy(frame, buffer.begin());
    return frame.size();
  }
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, net::Closed> override {
    const std::scoped_lock lock{mutex_};
    if (is_closed) return std::unexpected{net::Closed{"the test has closed it"}};
    if (is_full) return false;
    Bytes bytes;
    for (const auto& piece : frame) {
      const auto* const start = static_cast<const std::byte*>(piece.iov_base);
      bytes.insert(bytes.end(), start, start + piece.iov_len);
    }
    sent.push_back(std::move(bytes));
    return true;
  }

  void add(Bytes frame) {
    const std::scoped_lock lock{mutex_};
    incoming.push_back(std::move(frame));
  }

  std::uint64_t offered = 0;
  std::vector<std::uint64_t> set = {};
  std::deque<Bytes> incoming = {};
  std::vector<Bytes> sent = {};
  bool is_full = false;
  bool is_closed = false;

 private:
  std::mutex mutex_;  // protects the members that calls use
  Descriptor event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
};

// Serves nothing, and records the requests.
class FakeVhost final : public Vhost {
 public:
  static constexpr unsigned kQueueCount = 2;
  struct ServedQueue {
    const std::byte* descriptors = nullptr;  // the value of start(); null: the queue is not served
    int kicks = 0;
    int interrupt = kNoEvent;
    bool has_used = false;
    bool has_fault = false;
  };

  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override {
    features = taken;
    return {};
  }
  [[nodiscard]] auto start(unsigned queue, const Queue& rings) -> Result<void> override {
    if (fails) return fail(ErrorCode::host_failed, "the test lets it fail");
    queues[queue].descriptors = rings.descriptors().data();
    return {};
  }
  void stop() noexcept override {
    for (auto& queue : queues) queue.descriptors = nullptr;
  }
  void kick(unsigned queue) noexcept override { ++queues[queue].kicks; }
  [[nodiscard]] auto set_interrupt(unsigned queue, int event) -> Result<void> override {
    queues[queue].interrupt = event;
    return {};
  }
  [[nodiscard]] auto take_used(unsigned queue) noexcept -> bool override {
    return std::exchange(queues[queue].has_used, false);
  }
  [[nodiscard]] auto take_fault(unsigned queue) noexcept -> bool override {
    return std::exchange(queues[queue].has_fault, false);
  }

  [[nodiscard]] auto is_serving() const -> bool {
    return std::ranges::any_of(queues, [](const ServedQueue& queue) { return queue.descriptors != nullptr; });
  }

  std::uint64_t features = 0;
  std::array<ServedQueue, kQueueCount> queues = {};
  bool fails = false;
};

class FakeInterrupts final : public Interrupts {
 public:
  explicit FakeInterrupts(unsigned message_count = 3) : message_count_{message_count} {}

  [[nodiscard]] auto message_count() const noexcept -> unsigned override { return message_count_; }
  void raise_line() noexcept override { ++lines; }
  [[nodiscard]] auto set_messages(std::span<const Message> all) -> Result<void> override {
    messages.assign(all.begin(), all.end());
    return {};
  }
  void send(unsigned message) noexcept override { sent.push_back(message); }
  [[nodiscard]] auto event_of(unsigned message) const noexcept -> int override {
    return kFirstEvent + static_cast<int>(message);
  }

  static constexpr int kFirstEvent = 1000;

  std::atomic<int> lines = 0;
  std::vector<Message> messages = {};
  std::vector<unsigned> sent = {};

 private:
  unsigned message_count_;
};

// One buffer of a chain.
struct Buffer {
  std::uint64_t address;
  std::uint32_t size;
  bool is_writable = false;
};

// The driver's side of a queue. The three parts follow each other from `start`.
class DriverQueue {
 public:
  DriverQueue(const GuestMemory& memory, std::uint64_t start, std::uint16_t size)
      : memory_{&memory},
        layout_{.size = size,
                .descriptors = GuestAddress{start},
                .available = GuestAddress{start + std::uint64_t{16} * size},
                .used = GuestAddress{(start + std::uint64_t{16} * size + 6 + std::uint64_t{2} * size + 3) &
                                     ~std::uint64_t{3}}} {}

  [[nodiscard]] auto layout() const noexcept -> const QueueLayout& { return layout_; }

  void set_descriptor(std::uint16_t index, std::uint64_t address, std::uint32_t size, std::uint16_t flags,
                      std::uint16_t next) {
    set_descriptor_at(layout_.descriptors.value, index, address, size, flags, next);
  }
  void set_descriptor_at(std::uint64_t table, std::uint16_t index, std::uint64_t address, std::uint32_t size,
                         std::uint16_t flags, std::uint16_t next) {
    const auto place = table + std::uint64_t{16} * index;
    put(place, address);
    put(place + 8, size);
    put(place + 12, flags);
    put(place + 14, next);
  }

  // Makes a chain of these buffers available, in consecutive descriptors from `head`, with wrap-around.
  void make_available(std::uint16_t head, std::span<const Buffer> buffers) {
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      const auto index = static_cast<std::uint16_t>((head + i) % layout_.size);
      const bool is_last = i + 1 == buffers.size();
      const auto flags =
          static_cast<std::uint16_t>((is_last ? 0 : kDescriptorNext) | (buffers[i].is_writable ? kDescriptorWrite : 0));
      set_descriptor(index, buffers[i].address, buffers[i].size, flags,
                     static_cast<std::uint16_t>((index + 1) % layout_.size));
    }
    publish(head);
  }
  // Makes the chain that starts at a descriptor available, with any content.
  void publish(std::uint16_t head) {
    put(layout_.available.value + 4 + std::uint64_t{2} * (available_ % layout_.size), head);
    set_available(static_cast<std::uint16_t>(available_ + 1));
  }
  void set_available(std::uint16_t index) {
    available_ = index;
    __atomic_store_n(place<std::uint16_t>(layout_.available.value + 2), index, __ATOMIC_RELEASE);
  }
  void set_available_flags(std::uint16_t flags) { put(layout_.available.value, flags); }
  // The index of the used ring at which the driver wants an interrupt.
  void set_used_event(std::uint16_t index) {
    put(layout_.available.value + 4 + std::uint64_t{2} * layout_.size, index);
  }

  [[nodiscard]] auto used_index() const -> std::uint16_t {
    return __atomic_load_n(place<std::uint16_t>(layout_.used.value + 2), __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] auto used_flags() const -> std::uint16_t {
    return __atomic_load_n(place<std::uint16_t>(layout_.used.value), __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] auto available_event() const -> std::uint16_t {
    return __atomic_load_n(place<std::uint16_t>(layout_.used.value + 4 + std::uint64_t{8} * layout_.size),
                           __ATOMIC_ACQUIRE);
  }
  // The chain that was returned at this index, and the number of bytes written to it.
  [[nodiscard]] auto used(std::uint16_t index) const -> std::pair<std::uint32_t, std::uint32_t> {
    const auto entry = layout_.used.value + 4 + std::uint64_t{8} * (index % layout_.size);
    return {*place<std::uint32_t>(entry), *place<std::uint32_t>(entry + 4)};
  }

 private:
  template <class T>
  [[nodiscard]] auto place(std::uint64_t address) const -> T* {
    return reinterpret_cast<T*>(memory_->span(GuestAddress{address}, sizeof(T)).value().data());
  }
  template <class T>
  void put(std::uint64_t address, T value) {
    std::memcpy(place<T>(address), &value, sizeof value);
  }

  const GuestMemory* memory_;
  QueueLayout layout_;
  std::uint16_t available_ = 0;
};

}  // namespace hermitage::vmm::virtio::testing
