// The network card of a guest with all of its parts: a virtio device on PCI, its backend, its interrupts, and the event
// loop of its thread.
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
#include "hermitage/vmm/network_state.hpp"
#include "hermitage/vmm/pause_gate.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

class NetworkCard {
 public:
  // The machine's interrupt controllers must be finished (Vm::finish_devices). `bar` is the address of the card's
  // registers. The referenced objects must outlive this one. Fails with kvm_failed or host_failed.
  [[nodiscard]] static auto make(NetworkOptions options, const GuestMemory& memory, kvm::Vm& vm, GuestAddress bar,
                                 Warnings& warnings) -> Result<std::unique_ptr<NetworkCard>>;
  NetworkCard(const NetworkCard&) = delete;
  auto operator=(const NetworkCard&) -> NetworkCard& = delete;
  ~NetworkCard() = default;

  [[nodiscard]] auto function() noexcept -> pci::Function& { return transport_; }

  // For snapshots. The guest is paused. Precondition: !has_vhost().
  [[nodiscard]] auto save_state() const -> NetworkState;
  // Continues with this state before run(). Fails with configuration if the network lacks features of the saved one, or
  // the state is malformed.
  [[nodiscard]] auto restore_state(const NetworkState& state) -> Result<void>;
  // Whether the host's kernel serves the queues.
  [[nodiscard]] auto has_vhost() const noexcept -> bool { return vhost_ != nullptr; }

  // Serves the card until `is_stopping` returns true. The thread that causes this must call call_back().
  void run(PauseGate& gate, const std::function<bool()>& is_stopping);
  // Makes run() stop waiting. Any thread and any signal handler can call these.
  void wake() noexcept;
  // Also interrupts a system call, such as a write to a file for frames.
  void call_back() noexcept;

  // The descriptors of the backend, and all descriptors that run() uses, which include them.
  [[nodiscard]] auto backend_descriptors() const -> std::vector<int> { return backend_->descriptors(); }
  [[nodiscard]] auto descriptors() const -> std::vector<int>;

 private:
  NetworkCard(NetworkOptions options, const GuestMemory& memory, std::unique_ptr<kvm::DeviceInterrupts> interrupts,
              EventLoop events, Event wakeup, GuestAddress bar, Warnings& warnings);

  [[nodiscard]] auto watch_events() -> Result<void>;
  void watch_backend();

  virtio::NetworkSettings settings_;
  std::unique_ptr<net::Backend> backend_;
  std::unique_ptr<virtio::VhostNet> vhost_;  // or null; destroyed before the backend
  std::unique_ptr<kvm::DeviceInterrupts> interrupts_;
  EventLoop events_;
  Event wakeup_;  // makes run() stop waiting; KVM signals it for the driver's notifications, except for queues of vhost
  virtio::NetworkDevice device_;
  virtio::PciTransport transport_;
  std::atomic<pid_t> thread_ = 0;  // thread ID in the kernel of the thread in run(); 0: none
  std::uint32_t watched_ = 0;      // the backend's events that events_ waits for
};

}  // namespace hermitage::vmm
