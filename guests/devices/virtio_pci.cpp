#include "guests/devices/virtio_pci.hpp"

#include "guests/devices/clock.hpp"
#include "guests/runtime/guest.hpp"

namespace guest {
namespace {

constexpr std::uint8_t kVendorCapability = 0x09;

// Offsets in a capability (4.1.4).
constexpr std::uint8_t kType = 3;
constexpr std::uint8_t kBar = 4;
constexpr std::uint8_t kOffset = 8;
constexpr std::uint8_t kLength = 12;
constexpr std::uint8_t kMultiplier = 16;
constexpr std::uint8_t kAccessData = 16;

enum class Structure : std::uint8_t { common = 1, notify = 2, interrupt_status = 3, device = 4, access = 5 };

// Offsets in the common structure (4.1.4.3).
namespace common {
constexpr std::uint64_t kDeviceFeatureSelect = 0x00;
constexpr std::uint64_t kDeviceFeature = 0x04;
constexpr std::uint64_t kDriverFeatureSelect = 0x08;
constexpr std::uint64_t kDriverFeature = 0x0c;
constexpr std::uint64_t kConfigurationVector = 0x10;
constexpr std::uint64_t kQueues = 0x12;
constexpr std::uint64_t kStatus = 0x14;
constexpr std::uint64_t kQueueSelect = 0x16;
constexpr std::uint64_t kQueueSize = 0x18;
constexpr std::uint64_t kQueueVector = 0x1a;
constexpr std::uint64_t kQueueEnable = 0x1c;
constexpr std::uint64_t kQueueNotifyOffset = 0x1e;
constexpr std::uint64_t kQueueDescriptors = 0x20;
constexpr std::uint64_t kQueueAvailable = 0x28;
constexpr std::uint64_t kQueueUsed = 0x30;
constexpr std::uint64_t kSize = 0x38;
}  // namespace common

constexpr std::uint64_t kResetTime = 1'000'000;  // microseconds

// Writes addresses as two halves: the registers do not support accesses of 8 bytes (4.1.3.1).
void set_address(const Mmio& registers, std::uint64_t offset, std::uint64_t address) {
  registers.set(offset, static_cast<std::uint32_t>(address));
  registers.set(offset + 4, static_cast<std::uint32_t>(address >> 32));
}

}  // namespace

VirtioPci::VirtioPci(PciFunction& function) {
  find_structures(function);
  function.enable(false);
  check_access_by_configuration(function);
}

void VirtioPci::find_structures(PciFunction& function) {
  bool is_found[6] = {};
  function.for_each_capability([&](std::uint8_t id, std::uint8_t at) {
    if (id != kVendorCapability) return true;
    const auto field = [&](std::uint8_t offset) { return static_cast<std::uint8_t>(at + offset); };
    const auto type = function.read8(field(kType));
    // A device may offer a structure several times. Take the first usable one.
    if (type < 1 || type > 5 || is_found[type]) return true;
    const auto bar = function.read8(field(kBar));
    const auto offset = function.read32(field(kOffset));
    const auto length = function.read32(field(kLength));
    const auto structure = static_cast<Structure>(type);
    if (structure == Structure::access) {
      access_at_ = at;
      is_found[type] = true;
      return true;
    }
    const auto registers = function.map(bar, offset, length);
    if (!registers || length == 0 || (structure == Structure::common && length < common::kSize)) return true;
    is_found[type] = true;
    switch (structure) {
      case Structure::common:
        common_ = *registers;
        common_bar_ = bar;
        common_offset_ = offset;
        break;
      case Structure::notify:
        notify_ = *registers;
        notify_size_ = length;
        notify_multiplier_ = function.read32(field(kMultiplier));
        break;
      case Structure::interrupt_status: interrupt_status_ = *registers; break;
      case Structure::device: device_ = *registers; break;
      case Structure::access: break;
    }
    return true;
  });
  for (std::uint8_t type = 1; type <= 4; ++type) {
    if (is_found[type]) continue;
    Line line;
    fail(line.append("net: the device has no structure of type ").append_decimal(type));
  }
}

// Reads the same register in both ways.
void VirtioPci::check_access_by_configuration(const PciFunction& function) const {
  if (access_at_ == 0) return;
  const auto field = [&](std::uint8_t offset) { return static_cast<std::uint8_t>(access_at_ + offset); };
  // The other bytes of the register with the range's number are read-only.
  function.write32(field(kBar), common_bar_);
  function.write32(field(kOffset), common_offset_ + static_cast<std::uint32_t>(common::kQueues));
  function.write32(field(kLength), 2);
  if ((function.read32(field(kAccessData)) & 0xffff) != common_.get<std::uint16_t>(common::kQueues)) {
    fail("net: the device answers otherwise by configuration space than in memory");
  }
}

void VirtioPci::reset() const {
  common_.set<std::uint8_t>(common::kStatus, 0);
  const auto begin = now_microseconds();
  while (status() != 0) {
    if (now_microseconds() - begin > kResetTime) fail("net: the device does not end its reset");
  }
}

auto VirtioPci::status() const -> std::uint8_t {
  return common_.get<std::uint8_t>(common::kStatus);
}

void VirtioPci::add_status(std::uint8_t bits) const {
  common_.set<std::uint8_t>(common::kStatus, static_cast<std::uint8_t>(status() | bits));
}

auto VirtioPci::features() const -> std::uint64_t {
  std::uint64_t features = 0;
  for (std::uint32_t half = 0; half < 2; ++half) {
    common_.set(common::kDeviceFeatureSelect, half);
    features |= static_cast<std::uint64_t>(common_.get<std::uint32_t>(common::kDeviceFeature)) << 32 * half;
  }
  return features;
}

void VirtioPci::take_features(std::uint64_t features) const {
  for (std::uint32_t half = 0; half < 2; ++half) {
    common_.set(common::kDriverFeatureSelect, half);
    common_.set(common::kDriverFeature, static_cast<std::uint32_t>(features >> 32 * half));
  }
  add_status(virtio_status::kFeaturesOk);
  if ((status() & virtio_status::kFeaturesOk) == 0) {
    add_status(virtio_status::kFailed);
    Line line;
    fail(line.append("net: the device does not take the features ").append_hex(features));
  }
}

auto VirtioPci::largest_size(std::uint16_t index) const -> std::uint16_t {
  if (index >= common_.get<std::uint16_t>(common::kQueues)) return 0;
  common_.set(common::kQueueSelect, index);
  return common_.get<std::uint16_t>(common::kQueueSize);
}

void VirtioPci::enable(std::uint16_t index, const Virtqueue& queue, std::uint16_t vector) {
  common_.set(common::kQueueSelect, index);
  common_.set(common::kQueueSize, queue.size());
  if (vector != kNoVector) {  // after a reset, the queue has no vector
    common_.set(common::kQueueVector, vector);
    if (common_.get<std::uint16_t>(common::kQueueVector) != vector)
      fail("net: the device has no such interrupt vector");
  }
  set_address(common_, common::kQueueDescriptors, queue.descriptors_address());
  set_address(common_, common::kQueueAvailable, queue.available_address());
  set_address(common_, common::kQueueUsed, queue.used_address());
  const auto offset =
      static_cast<std::uint64_t>(common_.get<std::uint16_t>(common::kQueueNotifyOffset)) * notify_multiplier_;
  if (!entry::range_fits(offset, 2, notify_size_)) fail("net: a queue is notified outside of the structure for it");
  notify_at_[index] = static_cast<std::uint32_t>(offset);
  common_.set<std::uint16_t>(common::kQueueEnable, 1);
}

void VirtioPci::notify(std::uint16_t index) const {
  device_barrier();
  notify_.set(notify_at_[index], index);
}

void VirtioPci::set_configuration_vector(std::uint16_t vector) const {
  common_.set(common::kConfigurationVector, vector);
}

}  // namespace guest
