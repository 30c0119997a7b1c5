#include "guests/devices/virtio_net.hpp"

#include "guests/runtime/guest.hpp"

namespace guest {
namespace {

using network::Bytes;
using network::ConstBytes;

// The header before a frame: virtio_net_hdr (5.1.6), little endian.
constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kFlagsAt = 0;
constexpr std::size_t kSegmentationAt = 1;
constexpr std::size_t kHeadersSizeAt = 2;
constexpr std::size_t kSegmentSizeAt = 4;
constexpr std::size_t kChecksumStartAt = 6;
constexpr std::size_t kChecksumOffsetAt = 8;
constexpr std::size_t kBuffersAt = 10;
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kChecksumIsValid = 2;
constexpr std::uint8_t kSegmentationTcp4 = 1;
constexpr std::uint8_t kSegmentationTcp6 = 4;

// The offset in a send buffer that aligns the headers of the frame.
constexpr std::size_t kHeaderAt = 2;
constexpr std::size_t kFrameAt = kHeaderAt + kHeaderSize;

constexpr std::size_t kEthernetHeaderSize = 14;
constexpr std::size_t kLeastBuffer = 1526;  // 5.1.6.3.1
constexpr std::size_t kMergedBuffer = 2048;
constexpr std::size_t kLargestBuffer = 65562;

// Offsets in the device's configuration (5.1.4).
constexpr std::uint64_t kMacAt = 0;
constexpr std::uint64_t kMtuAt = 10;
constexpr std::uint16_t kLeastMtu = 576;
constexpr std::uint16_t kLargestMtu = 9000;  // the largest with which a frame fits in a send buffer

auto get_little16(ConstBytes bytes, std::size_t at) -> std::uint16_t {
  return entry::read<std::uint16_t, entry::Endian::little>(bytes, at);
}
void put_little16(Bytes bytes, std::size_t at, std::size_t value) {
  entry::write<std::uint16_t, entry::Endian::little>(bytes, at, static_cast<std::uint16_t>(value));
}

constexpr auto least(std::size_t a, std::size_t b) -> std::size_t {
  return a < b ? a : b;
}

}  // namespace

void VirtioNet::start() {
  transport_->reset();
  transport_->add_status(virtio_status::kAcknowledge);
  transport_->add_status(virtio_status::kDriver);
  negotiate();
  read_configuration();
  transport_->set_configuration_vector(VirtioPci::kNoVector);
  start_receiving();
  start_sending();
  transport_->add_status(virtio_status::kDriverOk);
  flush();
}

void VirtioNet::negotiate() {
  using namespace virtio_feature;  // NOLINT(google-build-using-namespace)
  const auto offered = transport_->features();
  if ((offered & kVersion1) == 0) fail("net: the device is not of virtio 1.0 or later");
  features_ = offered & ((options_.features & kSupported) | kVersion1);
  // Features that others depend on (5.1.3.1).
  if (!has(kGuestChecksum)) features_ &= ~(kGuestTso4 | kGuestTso6);
  if (!has(kChecksum)) features_ &= ~(kHostTso4 | kHostTso6);
  transport_->take_features(features_);
}

void VirtioNet::read_configuration() {
  const auto& configuration = transport_->configuration();
  if (has(virtio_feature::kMac)) {
    for (std::size_t i = 0; i < mac_.bytes.size(); ++i) {
      mac_.bytes[i] = configuration.get<std::uint8_t>(kMacAt + i);
    }
  } else {
    mac_ = {{0x02, 0x68, 0x65, 0x72, 0x6d, 0x69}};  // a locally administered address
  }
  if (!has(virtio_feature::kMtu)) return;
  const auto mtu = configuration.get<std::uint16_t>(kMtuAt);
  if (mtu < kLeastMtu) fail("net: the device reports an MTU below 576");
  mtu_ = mtu < kLargestMtu ? mtu : kLargestMtu;
}

auto VirtioNet::queue_size(std::uint16_t index) const -> std::uint16_t {
  const auto largest = transport_->largest_size(index);
  if (!entry::is_power_of_two(largest)) fail("net: the device lacks a queue");
  auto size = options_.queue_size;
  if (size > Virtqueue::kMostSize) size = Virtqueue::kMostSize;
  return size < largest ? size : largest;
}

auto VirtioNet::receive_buffer(std::uint16_t index) const -> Bytes {
  return Bytes{memory_->receive_buffers}.subspan(std::size_t{index} * receive_size_, receive_size_);
}

// Descriptor i always refers to buffer i.
void VirtioNet::start_receiving() {
  auto& queue = memory_->receive_queue;
  queue.start(queue_size(kReceiveQueue), has(virtio_feature::kEventIndex));
  const auto frame_size = kHeaderSize + kEthernetHeaderSize + mtu_;
  std::size_t size = frame_size < kLeastBuffer ? kLeastBuffer : frame_size;
  if ((features_ & (virtio_feature::kGuestTso4 | virtio_feature::kGuestTso6)) != 0) size = kLargestBuffer;
  if (has(virtio_feature::kMergeableBuffers)) size = kMergedBuffer;
  receive_size_ = static_cast<std::uint32_t>((size + 15) / 16 * 16);
  receive_count_ = static_cast<std::uint16_t>(least(queue.size(), Memory::kReceiveSize / receive_size_));
  for (std::uint16_t i = 0; i < receive_count_; ++i) {
    queue.descriptor(i).set(device_address_of(receive_buffer(i).data()), receive_size_, VirtqueueDescriptor::kWrite);
    queue.add(i);
  }
  is_holding_ = false;
  transport_->enable(kReceiveQueue, queue, options_.receive_vector);
}

// Buffer i has a descriptor with an indirect table or, without those, two descriptors: header and frame.
void VirtioNet::start_sending() {
  auto& queue = memory_->send_queue;
  queue.start(queue_size(kSendQueue), has(virtio_feature::kEventIndex));
  const bool is_indirect = has(virtio_feature::kIndirect);
  const auto count = least(is_indirect ? queue.size() : queue.size() / 2U, Memory::kSendBuffers);
  for (std::size_t i = 0; i < count; ++i) {
    if (is_indirect) {
      queue.descriptor(i).set(device_address_of(&memory_->indirect[i]), sizeof memory_->indirect[i],
                              VirtqueueDescriptor::kIndirect);
    }
    free_[i] = static_cast<std::uint16_t>(i);
  }
  free_count_ = static_cast<std::uint16_t>(count);
  if (count == 0) fail("net: the device's queue for sending is too small");
  transport_->enable(kSendQueue, queue, options_.send_vector);
}

auto VirtioNet::receive() -> std::optional<Frame> {
  release();
  auto& queue = memory_->receive_queue;
  const auto used = queue.take();
  if (!used) return std::nullopt;
  if (used->size < kHeaderSize || used->size > receive_size_) fail("net: the device has received an impossible size");
  ++received_;
  held_ = used->head;
  is_holding_ = true;
  const auto bytes = receive_buffer(held_).first(used->size);
  const auto flags = network::get8(bytes, kFlagsAt);
  const bool is_checked = has(virtio_feature::kGuestChecksum) && (flags & (kNeedsChecksum | kChecksumIsValid)) != 0;
  const unsigned count = has(virtio_feature::kMergeableBuffers) ? get_little16(bytes, kBuffersAt) : 1;
  const auto first = ConstBytes{bytes}.subspan(kHeaderSize);
  return Frame{.bytes = count == 1 ? first : merge(first, count), .is_checked = is_checked};
}

// Joins a frame of several buffers, all of which the device has used (5.1.6.4).
auto VirtioNet::merge(ConstBytes first, unsigned count) -> ConstBytes {
  const Bytes merged{memory_->merged};
  network::copy(merged, first);
  auto size = first.size();
  for (unsigned i = 1; i < count; ++i) {
    const auto used = memory_->receive_queue.take();
    if (!used) fail("net: the device has used fewer buffers than it says");
    if (used->size > receive_size_ || used->size > merged.size() - size)
      fail("net: the device merges too large a frame");
    network::copy(merged.subspan(size), receive_buffer(used->head).first(used->size));
    size += used->size;
    give_back(used->head);
  }
  return merged.first(size);
}

void VirtioNet::give_back(std::uint16_t index) {
  if (options_.refills) memory_->receive_queue.add(index);
}

void VirtioNet::release() {
  if (is_holding_) give_back(held_);
  is_holding_ = false;
}

auto VirtioNet::room() -> Bytes {
  if (free_count_ == 0) reclaim();
  is_out_of_room_ = free_count_ == 0;
  if (is_out_of_room_) return {};
  return Bytes{memory_->send_buffers[free_[free_count_ - 1U]]}.subspan(kFrameAt);
}

void VirtioNet::reclaim() {
  auto& queue = memory_->send_queue;
  const bool is_indirect = has(virtio_feature::kIndirect);
  while (const auto used = queue.take()) {
    free_[free_count_++] = static_cast<std::uint16_t>(is_indirect ? used->head : used->head / 2);
  }
}

void VirtioNet::send(std::size_t size, const network::Offload& offload) {
  const auto index = free_[--free_count_];
  auto& buffer = memory_->send_buffers[index];
  const auto header = Bytes{buffer}.subspan(kHeaderAt, kHeaderSize);
  for (auto& byte : header) byte = std::byte{};
  if (offload.checksum_offset != 0) {
    network::put8(header, kFlagsAt, kNeedsChecksum);
    put_little16(header, kChecksumStartAt, offload.checksum_start);
    put_little16(header, kChecksumOffsetAt, offload.checksum_offset);
  }
  if (offload.segment_size != 0) {
    constexpr std::size_t kTcpHeaderSize = 20;
    const auto frame = Bytes{buffer}.subspan(kFrameAt, size);
    const bool is_ipv6 = network::parse_ethernet(frame)->type == network::EtherType::ipv6;
    network::put8(header, kSegmentationAt, is_ipv6 ? kSegmentationTcp6 : kSegmentationTcp4);
    put_little16(header, kHeadersSizeAt, offload.checksum_start + kTcpHeaderSize);
    put_little16(header, kSegmentSizeAt, offload.segment_size);
  }
  const auto header_address = device_address_of(header.data());
  const auto frame_address = header_address + kHeaderSize;
  const auto frame_size = static_cast<std::uint32_t>(size);
  auto& queue = memory_->send_queue;
  if (has(virtio_feature::kIndirect)) {
    memory_->indirect[index][0].set(header_address, kHeaderSize, VirtqueueDescriptor::kNext, 1);
    memory_->indirect[index][1].set(frame_address, frame_size, 0);
    queue.add(index);
  } else {
    const auto head = static_cast<std::uint16_t>(2 * index);
    queue.descriptor(head).set(header_address, kHeaderSize, VirtqueueDescriptor::kNext, head + 1U);
    queue.descriptor(head + 1U).set(frame_address, frame_size, 0);
    queue.add(head);
  }
  ++sent_;
}

void VirtioNet::flush() {
  if (memory_->send_queue.publish()) transport_->notify(kSendQueue);
  if (memory_->receive_queue.publish()) transport_->notify(kReceiveQueue);
}

auto VirtioNet::prepare_to_wait() -> bool {
  auto& receive_queue = memory_->receive_queue;
  auto& send_queue = memory_->send_queue;
  receive_queue.want_interrupt(true);
  send_queue.want_interrupt(is_out_of_room_);
  if (!receive_queue.has_used() && !(is_out_of_room_ && send_queue.has_used())) return true;
  end_wait();
  return false;
}

void VirtioNet::end_wait() {
  memory_->receive_queue.want_interrupt(false);
  memory_->send_queue.want_interrupt(false);
}

void VirtioNet::send_loop() {
  auto& queue = memory_->send_queue;
  const auto address = device_address_of(memory_->send_buffers.data());
  queue.descriptor(0).set(address, kHeaderSize, VirtqueueDescriptor::kNext, 1);
  queue.descriptor(1).set(address, 64, VirtqueueDescriptor::kNext, 0);
  queue.add(0);
  flush();
}

}  // namespace guest
