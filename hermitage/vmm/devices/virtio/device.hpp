// A virtio device, independent of its transport.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "hermitage/vmm/devices/virtio/queue.hpp"

namespace hermitage::vmm::virtio {

// Represents a missing event descriptor.
inline constexpr int kNoEvent = -1;

// The queues of a device. A queue that is not in use is empty.
using Queues = std::span<std::optional<Queue>>;

// The result of a round of service.
struct Serviced {
  bool has_more = false;          // more work is left than one round does
  bool config_changed = false;    // the driver must be notified
  std::uint32_t used_queues = 0;  // a bit for each queue in which code other than service() has returned chains, and
                                  // for which the driver wants an interrupt
};
// The reason why the device needs a reset: a sentence without a subject.
struct Broken {
  std::string what;
};

// The transport calls one function at a time.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  auto operator=(const Device&) -> Device& = delete;
  virtual ~Device() = default;

  // The device ID (virtio 1.2, chapter 5). The PCI device ID is 0x1040 larger.
  [[nodiscard]] virtual auto id() const noexcept -> std::uint16_t = 0;
  // The PCI class code: class, subclass and interface.
  [[nodiscard]] virtual auto pci_class() const noexcept -> std::uint32_t = 0;
  // The name of the device, as a prefix of messages.
  [[nodiscard]] virtual auto name() const noexcept -> const char* = 0;
  [[nodiscard]] virtual auto queue_count() const noexcept -> std::uint16_t = 0;
  [[nodiscard]] virtual auto max_queue_size() const noexcept -> std::uint16_t = 0;

  // The features of the device. The transport adds its own.
  [[nodiscard]] virtual auto features() const noexcept -> std::uint64_t = 0;

  // Reads the device configuration. Bytes outside it read as zeros.
  virtual void read_config(std::size_t offset, std::span<std::byte> data) const = 0;

  // Whether the device changes its configuration because of what the driver has read. The transport then causes a call
  // of service().
  [[nodiscard]] virtual auto has_config_change() const noexcept -> bool { return false; }

  // The driver is ready, and has accepted these features. Called by the thread of service().
  [[nodiscard]] virtual auto activate(std::uint64_t features) -> std::expected<void, Broken> = 0;
  // The device is broken: it serves nothing until the driver resets it. Any thread can call this, so it must not wait
  // for the peer of the device.
  virtual void stop() noexcept = 0;
  // The driver has reset the device, and owns the memory of the queues again. The thread of a vCPU calls this, so it
  // must not wait for the peer of the device, either.
  virtual void reset() noexcept = 0;
  // Does a part of the work in the queues. Called between activate() and reset().
  [[nodiscard]] virtual auto service(Queues queues) -> std::expected<Serviced, Broken> = 0;

  // For a device whose queues are also served by other code. The driver has notified the device of a queue. service()
  // is called in any case. Any thread can call this at any time.
  virtual void notify(unsigned /*queue*/) noexcept {}
  // Sets the event that interrupts the driver for a queue. With kNoEvent, service() reports interrupts.
  virtual void set_interrupt(unsigned /*queue*/, int /*event*/) noexcept {}
};

}  // namespace hermitage::vmm::virtio
