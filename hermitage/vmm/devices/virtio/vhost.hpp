// Makes the host's kernel serve the queues of a device: Linux's vhost.
#pragma once

#include <cstdint>

#include "hermitage/vmm/devices/virtio/device.hpp"
#include "hermitage/vmm/devices/virtio/queue.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::virtio {

// For one thread at a time, except where a function permits any thread. Queue numbers are those of the device.
class Vhost {
 public:
  Vhost() = default;
  Vhost(const Vhost&) = delete;
  auto operator=(const Vhost&) -> Vhost& = delete;
  virtual ~Vhost() = default;

  // Sets the features that the driver accepted. Call this before start().
  [[nodiscard]] virtual auto set_features(std::uint64_t taken) -> Result<void> = 0;
  // Starts to serve a queue. Has no effect if the queue is already served.
  [[nodiscard]] virtual auto start(unsigned queue, const Queue& rings) -> Result<void> = 0;
  // Stops serving all queues. After this, guest memory is neither read nor written. Any thread can call it.
  virtual void stop() noexcept = 0;
  // Reports that the driver has made chains available in a queue. Any thread can call it at any time.
  virtual void kick(unsigned queue) noexcept = 0;

  // Sets the event to signal if the driver wants an interrupt for a queue. With kNoEvent, take_used() reports
  // interrupts.
  [[nodiscard]] virtual auto set_interrupt(unsigned queue, int event) -> Result<void> = 0;
  // Whether an interrupt for a queue is due. Clears this state.
  [[nodiscard]] virtual auto take_used(unsigned queue) noexcept -> bool = 0;
  // Whether a queue cannot be served because its content is invalid. Clears this state.
  [[nodiscard]] virtual auto take_fault(unsigned queue) noexcept -> bool = 0;
};

}  // namespace hermitage::vmm::virtio
