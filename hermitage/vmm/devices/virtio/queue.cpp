#include "hermitage/vmm/devices/virtio/queue.hpp"

#include <cstring>
#include <optional>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/vmm/devices/virtio/constants.hpp"

namespace hermitage::vmm::virtio {
namespace {

// virtio 1.2, 2.7: sizes and alignments of the three parts.
constexpr std::uint64_t kDescriptorSize = 16;
constexpr std::uint64_t kDescriptorAlignment = 16;
constexpr std::uint64_t kAvailableAlignment = 2;
constexpr std::uint64_t kUsedAlignment = 4;
constexpr std::uint64_t kRingHeader = 4;  // flags and index
constexpr std::uint64_t kEventSize = 2;   // the index after a ring at which the other side wants a notification
constexpr std::uint64_t kAvailableEntry = 2;
constexpr std::uint64_t kUsedEntry = 8;
constexpr std::uint64_t kIndexOffset = 2;

// The driver accesses these at the same time. make() has checked that they are aligned. A value that one side stores is
// visible before that side loads the other side's value: the accesses are sequentially consistent where this matters.
auto load(std::span<const std::byte> ring, std::size_t offset) noexcept -> std::uint16_t {
  return __atomic_load_n(reinterpret_cast<const std::uint16_t*>(ring.data() + offset), __ATOMIC_SEQ_CST);
}

void store(std::span<std::byte> ring, std::size_t offset, std::uint16_t value) noexcept {
  __atomic_store_n(reinterpret_cast<std::uint16_t*>(ring.data() + offset), value, __ATOMIC_SEQ_CST);
}

// virtio 1.2, 2.7.10: whether an index passes the one that the other side has requested, when it changes from `before`
// to `now`. All of them wrap around.
auto passes(std::uint16_t before, std::uint16_t now, std::uint16_t wanted) noexcept -> bool {
  return static_cast<std::uint16_t>(now - wanted - 1) < static_cast<std::uint16_t>(now - before);
}

auto fault(const char* what) -> std::unexpected<QueueFault> {
  return std::unexpected{QueueFault{what}};
}

auto part(const GuestMemory& memory, GuestAddress address, std::uint64_t size, std::uint64_t alignment)
    -> std::optional<std::span<std::byte>> {
  if (address.value % alignment != 0) return std::nullopt;
  const auto bytes = memory.span(address, size);
  if (!bytes) return std::nullopt;
  return *bytes;
}

}  // namespace

struct Queue::Descriptor {
  std::uint64_t address;
  std::uint32_t size;
  std::uint16_t flags;
  std::uint16_t next;

  // Copies a descriptor once. Precondition: the index is in the table.
  static auto read(std::span<const std::byte> table, std::size_t index) noexcept -> Descriptor {
    Descriptor descriptor{};
    std::memcpy(&descriptor, table.data() + index * kDescriptorSize, sizeof descriptor);
    return descriptor;
  }

  [[nodiscard]] auto is(std::uint16_t flag) const noexcept -> bool { return (flags & flag) != 0; }
};

auto Queue::make(const GuestMemory& memory, const QueueLayout& layout, QueueFeatures features)
    -> std::expected<Queue, QueueFault> {
  const std::uint64_t size = layout.size;
  if (!entry::is_power_of_two(size)) return fault("has a size that is no power of two");
  const auto descriptors = part(memory, layout.descriptors, size * kDescriptorSize, kDescriptorAlignment);
  const auto available =
      part(memory, layout.available, kRingHeader + size * kAvailableEntry + kEventSize, kAvailableAlignment);
  const auto used = part(memory, layout.used, kRingHeader + size * kUsedEntry + kEventSize, kUsedAlignment);
  if (!descriptors || !available || !used) return fault("lies outside of the memory, or is not aligned");
  Queue queue{memory, layout.size, features};
  queue.descriptors_ = *descriptors;
  queue.available_ = *available;
  queue.used_ = *used;
  return queue;
}

Queue::Queue(const GuestMemory& memory, std::uint16_t size, QueueFeatures features) noexcept
    : memory_{&memory}, size_{size}, features_{features} {}

auto Queue::available() const -> std::expected<std::uint16_t, QueueFault> {
  const auto index = load(available_, kIndexOffset);
  const auto count = static_cast<std::uint16_t>(index - next_);
  if (count > size_) return fault("has more chains available than descriptors");
  return count;
}

auto Queue::pop(Chain& chain) -> std::expected<bool, QueueFault> {
  const auto count = available();
  if (!count) return std::unexpected{count.error()};
  if (*count == 0) return false;
  const std::size_t slot = next_ % size_;
  chain.head = load(available_, kRingHeader + slot * kAvailableEntry);
  chain.buffers.clear();
  chain.readable_count = 0;
  chain.readable_size = 0;
  chain.writable_size = 0;
  if (auto walked = walk(chain, descriptors_, chain.head, false); !walked) return std::unexpected{walked.error()};
  ++next_;
  return true;
}

auto Queue::walk(Chain& chain, std::span<const std::byte> table, std::uint16_t first, bool is_indirect) const
    -> std::expected<void, QueueFault> {
  const auto length = table.size() / kDescriptorSize;
  std::size_t index = first;
  for (std::size_t seen = 0; seen < length; ++seen) {
    if (index >= length) return fault("names a descriptor that there is not");
    const auto descriptor = Descriptor::read(table, index);
    if (descriptor.is(kDescriptorIndirect)) {
      if (is_indirect || descriptor.is(kDescriptorNext)) return fault("has an indirect table where none may be");
      return walk_indirect(chain, descriptor);
    }
    if (auto added = add_buffer(chain, descriptor); !added) return added;
    if (!descriptor.is(kDescriptorNext)) return {};
    index = descriptor.next;
  }
  return fault("has a chain that does not end");
}

auto Queue::walk_indirect(Chain& chain, const Descriptor& descriptor) const -> std::expected<void, QueueFault> {
  if (!features_.indirect_descriptors) return fault("has an indirect table, which was not negotiated");
  const bool is_valid =
      descriptor.size != 0 && descriptor.size % kDescriptorSize == 0 && descriptor.size <= kMaxChain * kDescriptorSize;
  if (!is_valid) return fault("has an indirect table of an invalid size");
  const auto table = memory_->span(GuestAddress{descriptor.address}, descriptor.size);
  if (!table) return fault("has an indirect table outside of the memory");
  return walk(chain, *table, 0, true);
}

auto Queue::add_buffer(Chain& chain, const Descriptor& descriptor) const -> std::expected<void, QueueFault> {
  const auto bytes = memory_->span(GuestAddress{descriptor.address}, descriptor.size);
  if (!bytes) return fault("names memory that there is not");
  const bool is_writable = descriptor.is(kDescriptorWrite);
  const bool had_writable = chain.readable_count != chain.buffers.size();
  if (!is_writable && had_writable) return fault("has a buffer to read behind one to write");
  if (bytes->empty()) return fault("has a buffer of no bytes");
  chain.buffers.push_back({.iov_base = bytes->data(), .iov_len = bytes->size()});
  (is_writable ? chain.writable_size : chain.readable_size) += bytes->size();
  if (!is_writable) ++chain.readable_count;
  return {};
}

void Queue::push(std::uint16_t head, std::uint32_t written) noexcept {
  const auto offset = kRingHeader + std::size_t{pushed_} % size_ * kUsedEntry;
  entry::write<std::uint32_t, entry::Endian::little>(used_, offset, head);
  entry::write<std::uint32_t, entry::Endian::little>(used_, offset + sizeof(std::uint32_t), written);
  ++pushed_;
}

auto Queue::publish() noexcept -> bool {
  if (pushed_ == published_) return false;
  const auto before = published_;
  published_ = pushed_;
  store(used_, kIndexOffset, published_);
  if (!features_.event_index) return (load(available_, 0) & kAvailableNoInterrupt) == 0;
  const auto wanted = load(available_, kRingHeader + size_ * kAvailableEntry);
  return passes(before, published_, wanted);
}

void Queue::disable_notifications() noexcept {
  if (!features_.event_index) store(used_, 0, kUsedNoNotify);
}

auto Queue::enable_notifications(std::uint16_t known) noexcept -> bool {
  const auto seen = static_cast<std::uint16_t>(next_ + known);
  if (features_.event_index) {
    store(used_, kRingHeader + size_ * kUsedEntry, seen);
  } else {
    store(used_, 0, 0);
  }
  return load(available_, kIndexOffset) != seen;
}

}  // namespace hermitage::vmm::virtio
