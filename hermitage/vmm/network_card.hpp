// A guest's network card with all that it consists of: a virtio device on PCI, what is behind it, its interrupts, and
// the loop of the thread that serves it.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "hermitage/vmm/devices/virtio/network_device.hpp"
#include "hermitage/vmm/devices/virtio/pci_transport.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/event.hpp"
#include "hermitage/vmm/event_loop.hpp"
#include "hermitage/vmm/kvm/device_interrupts.hpp"
#include "hermitage/vmm/kvm/vm.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/network_options.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

class NetworkCard {
 public:
  // The machine must have its interrupt controllers. `bar` is the address that the card's registers begin at. What the
  // references name must exist as long as this. Fails with kvm_failed or host_failed.
  [[nodiscard]] static auto make(NetworkOptions options, const GuestMemory& memory, kvm::Vm& vm, GuestAddress bar,
                                 Warnings& warnings) -> Result<std::unique_ptr<NetworkCard>>;
  NetworkCard(const NetworkCard&) = delete;
  auto operator=(const NetworkCard&) -> NetworkCard& = delete;
  ~NetworkCard() = default;

  [[nodiscard]] auto function() noexcept -> pci::Function& { return transport_; }

  // Serves the card until `is_stopping` says so. Another thread that makes it say so calls call_back().
  void run(PauseGate& gate, const std::function<bool()>& is_stopping);
  // Ends the waiting of run(). Any thread and any signal handler may call these.
  void wake() noexcept;
  // Interrupts a system call, too, such as a write to a file for frames.
  void call_back() noexcept;

  // The descriptors that lead to the network, and all that run() uses, among which they are.
  [[nodiscard]] auto backend_descriptors() const -> std::vector<int> { return backend_->descriptors(); }
  [[nodiscard]] auto descriptors() const -> std::vector<int>;

 private:
  NetworkCard(NetworkOptions options, const GuestMemory& memory, std::unique_ptr<kvm::DeviceInterrupts> interrupts,
              EventLoop events, Event wakeup, GuestAddress bar, Warnings& warnings);

  [[nodiscard]] auto watch_events() -> Result<void>;
  void watch_backend();

  std::unique_ptr<net::Backend> backend_;
  std::unique_ptr<virtio::VhostNet> vhost_;  // or none; gone before the backend
  std::unique_ptr<kvm::DeviceInterrupts> interrupts_;
  EventLoop events_;
  Event wakeup_;  // ends the waiting of run(); KVM signals it for the driver's notifications, but for vhost's
  virtio::NetworkDevice device_;
  virtio::PciTransport transport_;
  std::atomic<pid_t> thread_ = 0;  // that is in run(), by the kernel's number; 0: none
  std::uint32_t watched_ = 0;      // the backend's events that events_ waits for
};

}  // namespace hermitage::vmm
