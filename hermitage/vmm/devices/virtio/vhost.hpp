// What serves the queues of a device in its place: the host's kernel. See Linux's vhost.
#pragma once

#include <cstdint>

#include "hermitage/vmm/devices/virtio/device.hpp"
#include "hermitage/vmm/devices/virtio/queue.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::virtio {

// One thread at a time calls its functions, except for kick(). Queues have the numbers that they have in the device.
class Vhost {
 public:
  Vhost() = default;
  Vhost(const Vhost&) = delete;
  auto operator=(const Vhost&) -> Vhost& = delete;
  virtual ~Vhost() = default;

  // The features that the driver has taken, before a queue is started.
  [[nodiscard]] virtual auto set_features(std::uint64_t taken) -> Result<void> = 0;
  // Serves a queue from now on, if it does not already.
  [[nodiscard]] virtual auto start(unsigned queue, const Queue& rings) -> Result<void> = 0;
  // Serves no queue any more. Afterwards nothing of the guest's memory is read or written. Any thread.
  virtual void stop() noexcept = 0;
  // The driver has made chains available in a queue. Any thread, at any time.
  virtual void kick(unsigned queue) noexcept = 0;

  // The event to signal when the driver wants an interrupt for a queue. kNoEvent: take_used() tells of it.
  [[nodiscard]] virtual auto set_interrupt(unsigned queue, int event) -> Result<void> = 0;
  // Whether the driver wants an interrupt for a queue. Each is told of once.
  [[nodiscard]] virtual auto take_used(unsigned queue) noexcept -> bool = 0;
  // Whether a queue cannot be served because of what the driver has put there. Told of once.
  [[nodiscard]] virtual auto take_fault(unsigned queue) noexcept -> bool = 0;
};

}  // namespace hermitage::vmm::virtio
