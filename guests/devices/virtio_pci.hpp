// The transport of a modern virtio device on PCI (virtio 1.2, 4.1).
#pragma once

#include <cstdint>
#include <optional>

#include "guests/devices/mmio.hpp"
#include "guests/devices/pci.hpp"
#include "guests/devices/virtqueue.hpp"

namespace guest {

// virtio 1.2, 2.1.
namespace virtio_status {
inline constexpr std::uint8_t kAcknowledge = 1;
inline constexpr std::uint8_t kDriver = 2;
inline constexpr std::uint8_t kDriverOk = 4;
inline constexpr std::uint8_t kFeaturesOk = 8;
inline constexpr std::uint8_t kNeedsReset = 64;
inline constexpr std::uint8_t kFailed = 128;
}  // namespace virtio_status

class VirtioPci {
 public:
  static constexpr std::uint16_t kVendor = 0x1af4;
  static constexpr std::uint16_t kFirstDevice = 0x1040;  // plus the device's type

  static constexpr std::uint16_t kNoVector = 0xffff;

  // Finds the structures in the function's capabilities, and enables the function. Ends the guest if one is missing
  // or too small.
  explicit VirtioPci(PciFunction& function);

  // Resets the device, and waits until that is complete.
  void reset() const;
  [[nodiscard]] auto status() const -> std::uint8_t;
  void add_status(std::uint8_t bits) const;

  [[nodiscard]] auto features() const -> std::uint64_t;
  // Accepts these features. Ends the guest if the device refuses them.
  void take_features(std::uint64_t features) const;

  // The largest size of queue `index`; 0 if the queue does not exist.
  [[nodiscard]] auto largest_size(std::uint16_t index) const -> std::uint16_t;
  // Enables a started queue in the device, with its interrupt vector.
  void enable(std::uint16_t index, const Virtqueue& queue, std::uint16_t vector);
  void notify(std::uint16_t index) const;

  // The device's configuration. Reads have no side effects.
  [[nodiscard]] auto configuration() const -> const Mmio& { return device_; }
  // The cause of the interrupt line. Reading it lowers the line.
  [[nodiscard]] auto interrupt_status() const -> const Mmio& { return interrupt_status_; }

  // Sets the vector for changes of the configuration.
  void set_configuration_vector(std::uint16_t vector) const;

 private:
  static constexpr std::uint16_t kMostQueues = 2;

  void find_structures(PciFunction& function);
  void check_access_by_configuration(const PciFunction& function) const;

  Mmio common_;
  Mmio notify_;
  Mmio interrupt_status_;
  Mmio device_;
  std::uint32_t notify_multiplier_ = 0;
  std::uint32_t notify_size_ = 0;
  std::uint8_t common_bar_ = 0;
  std::uint32_t common_offset_ = 0;
  std::uint8_t access_at_ = 0;  // the capability for access through the configuration space; 0: none
  std::uint32_t notify_at_[kMostQueues]{};
};

}  // namespace guest
