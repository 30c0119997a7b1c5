// What a virtio device of some kind is, beyond how the driver reaches it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "hermitage/vmm/devices/virtio/queue.hpp"

namespace hermitage::vmm::virtio {

// In place of an event's descriptor.
inline constexpr int kNoEvent = -1;

// One of the device's queues, which may not be in use.
using Queues = std::span<std::optional<Queue>>;

// What a round of service has found.
struct Serviced {
  bool has_more = false;          // there is more to do than one round does
  bool config_changed = false;    // the driver has to be told
  std::uint32_t used_queues = 0;  // a bit for each queue that another than service() has returned chains in, and whose
                                  // driver wants an interrupt for that
};
// Why the device needs a reset: a sentence without a subject.
struct Broken {
  std::string what;
};

// Its transport calls one function at a time.
class Device {
 public:
  Device() = default;
  Device(const Device&) = delete;
  auto operator=(const Device&) -> Device& = delete;
  virtual ~Device() = default;

  // virtio 1.2, chapter 5: the device ID, for which PCI has 0x1040 more.
  [[nodiscard]] virtual auto id() const noexcept -> std::uint16_t = 0;
  // PCI's code for such a device: class, subclass and interface.
  [[nodiscard]] virtual auto pci_class() const noexcept -> std::uint32_t = 0;
  // What comes before the device's name in messages.
  [[nodiscard]] virtual auto name() const noexcept -> const char* = 0;
  [[nodiscard]] virtual auto queue_count() const noexcept -> std::uint16_t = 0;
  [[nodiscard]] virtual auto max_queue_size() const noexcept -> std::uint16_t = 0;

  // Of the device's kind; the transport adds its own.
  [[nodiscard]] virtual auto features() const noexcept -> std::uint64_t = 0;

  // Its configuration. What lies outside reads as zeros.
  virtual void read_config(std::size_t offset, std::span<std::byte> data) const = 0;

  // The driver is ready, and has taken these features. By the thread of service().
  [[nodiscard]] virtual auto activate(std::uint64_t features) -> std::expected<void, Broken> = 0;
  // The device is broken: nothing is served until the driver resets it. By any thread, so without waiting for the
  // device's peer.
  virtual void stop() noexcept = 0;
  // The driver has reset the device, and what its queues were is its own again. By the thread of a vCPU, as stop().
  virtual void reset() noexcept = 0;
  // Does some of what there is to do in the queues, between activate() and reset().
  [[nodiscard]] virtual auto service(Queues queues) -> std::expected<Serviced, Broken> = 0;

  // For a device whose queues others serve, too. The driver has notified it of a queue; service() is called anyway. Any
  // thread, at any time.
  virtual void notify(unsigned /*queue*/) noexcept {}
  // The event that interrupts the driver for a queue, or kNoEvent: service() tells of it.
  virtual void set_interrupt(unsigned /*queue*/, int /*event*/) noexcept {}
};

}  // namespace hermitage::vmm::virtio
