// Linux's vhost-net: the kernel moves frames between a guest's queues and a tap interface.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/devices/virtio/vhost.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/event_loop.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::virtio {

class VhostNet final : public Vhost {
 public:
  // The number of queues that vhost serves: receive and transmit. The device serves the control queue.
  static constexpr unsigned kQueueCount = 2;

  // Opens /dev/vhost-net for a tap, whose descriptor must stay open until this object is destroyed. From now on, the
  // kernel has a thread for this process. Fails with host_failed.
  [[nodiscard]] static auto open(int tap) -> Result<std::unique_ptr<VhostNet>>;

  // Sets the only memory that vhost accesses. The memory must outlive this object. Call this before the first start().
  [[nodiscard]] auto set_memory(const GuestMemory& memory) -> Result<void>;
  // Handles vhost's events in this loop, which must not wait after this object is destroyed. The thread that waits must
  // be the one that calls start(), take_used() and take_fault().
  [[nodiscard]] auto watch(EventLoop& events) -> Result<void>;
  // The event to signal for each notification of a queue by the driver.
  [[nodiscard]] auto kick_event(unsigned queue) const noexcept -> int { return queues_[queue].kick.descriptor(); }

  [[nodiscard]] auto set_features(std::uint64_t taken) -> Result<void> override;
  [[nodiscard]] auto start(unsigned queue, const Queue& rings) -> Result<void> override;
  void stop() noexcept override;
  void kick(unsigned queue) noexcept override;
  [[nodiscard]] auto set_interrupt(unsigned queue, int event) -> Result<void> override;
  [[nodiscard]] auto take_used(unsigned queue) noexcept -> bool override;
  [[nodiscard]] auto take_fault(unsigned queue) noexcept -> bool override;

  // All descriptors that the functions above use.
  [[nodiscard]] auto descriptors() const -> std::vector<int>;

 private:
  struct ServedQueue {
    Event kick;
    Event used;  // signaled if set_interrupt() has set no event
    Event fault;
    int interrupt = kNoEvent;  // set by set_interrupt()
    bool is_started = false;
    bool has_used = false;
    bool has_fault = false;
  };

  VhostNet(Descriptor vhost, int tap) noexcept : vhost_{std::move(vhost)}, tap_{tap} {}

  [[nodiscard]] auto add_queue() -> Result<void>;
  [[nodiscard]] auto call(unsigned long request, const void* argument, const char* name) const -> Result<void>;
  [[nodiscard]] auto set_event(unsigned long request, unsigned queue, int event, const char* name) const
      -> Result<void>;

  Descriptor vhost_;
  int tap_;
  std::vector<ServedQueue> queues_;  // kQueueCount of them
};

}  // namespace hermitage::vmm::virtio
