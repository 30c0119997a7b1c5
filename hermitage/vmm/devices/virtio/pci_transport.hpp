// The PCI transport of a virtio device: virtio 1.2, 4.1, without the legacy interface.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/devices/pci/config_space.hpp"
#include "hermitage/vmm/devices/pci/function.hpp"
#include "hermitage/vmm/devices/pci/msix.hpp"
#include "hermitage/vmm/devices/turn_mutex.hpp"
#include "hermitage/vmm/devices/virtio/device.hpp"
#include "hermitage/vmm/interrupts.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/network_state.hpp"

namespace hermitage::vmm::virtio {

// vCPUs access it as a function on the bus. The I/O thread of the device calls service(). One lock is held for a round
// of service, and for each access except two that a running driver makes: to the ISR status, and notifications. So a
// reset by the driver waits for one round at most.
//
// The function decodes memory from the start, as after initialization by firmware. It ignores the bus master bit,
// because some drivers do not set it.
class PciTransport final : public pci::Function {
 public:
  static constexpr std::uint64_t kBarSize = 0x8000;
  // The offset in the BAR for notifications of queues: queue N has kNotifyMultiplier bytes at N * kNotifyMultiplier.
  static constexpr std::uint64_t kNotifyOffset = 0x3000;
  static constexpr std::uint64_t kNotifyMultiplier = 4;

  // One vector for each queue, and one for changes of the configuration.
  static constexpr auto vector_count(unsigned queues) -> unsigned { return queues + 1; }

  struct Environment {
    const GuestMemory& memory;
    Interrupts& interrupts;
    // Makes the I/O thread call service(). Called by any vCPU's thread.
    std::function<void()> wake;
    // Receives a line for each error of the driver.
    std::function<void(const std::string&)> warn;
  };

  // The function has MSI-X if there are messages: then vector_count() of them. `bar` is the initial address of the BAR,
  // a multiple of kBarSize. `line` is the interrupt line in the configuration space.
  PciTransport(Device& device, Environment environment, std::uint64_t bar, std::uint8_t line);

  void read_config(std::size_t offset, std::span<std::byte> data) override;
  void write_config(std::size_t offset, std::span<const std::byte> data) override;
  [[nodiscard]] auto bar_offset(std::uint64_t address, std::size_t size) const -> std::optional<std::size_t> override;
  void read_bar(std::size_t offset, std::span<std::byte> data) override;
  void write_bar(std::size_t offset, std::span<const std::byte> data) override;

  // Serves new work of the driver and of the device, for one round. Returns true if there is more. Called by the I/O
  // thread.
  [[nodiscard]] auto service() -> bool;
  // The guest has acknowledged the interrupt of the line.
  void on_line_acknowledged();

  // For snapshots. No vCPU runs, and no thread is in service().
  [[nodiscard]] auto save() const -> TransportState;
  // Continues with the registers of the driver, before the guest runs. The driver gets an interrupt for each queue,
  // since one may have been lost. Fails if a driver could not have set these registers with this device.
  [[nodiscard]] auto restore(const TransportState& state) -> std::expected<void, Broken>;

 private:
  // The part of the BAR that the guest accesses through the configuration space.
  struct Window {
    std::size_t offset;
    std::size_t size;
  };

  // The driver's description of a queue.
  struct QueueRegisters {
    std::uint16_t size;
    std::uint16_t vector;
    bool is_enabled = false;
    std::uint64_t descriptors = 0;
    std::uint64_t available = 0;
    std::uint64_t used = 0;
  };

  static constexpr std::uint64_t kNowhere = ~std::uint64_t{};

  void add_capabilities();
  void add_msix();
  void update_bar() noexcept;
  void set_defaults();
  [[nodiscard]] auto offered_features() const noexcept -> std::uint64_t;

  // These do not lock.
  void read_bar_locked(std::size_t offset, std::span<std::byte> data);
  void read_isr(std::size_t offset, std::span<std::byte> data) noexcept;
  void write_bar_locked(std::size_t offset, std::span<const std::byte> data);
  void notify(std::size_t place);
  void read_common(std::size_t offset, std::span<std::byte> data) const;
  void write_common(std::size_t offset, std::span<const std::byte> data);
  void write_register(std::size_t offset, std::uint32_t value);
  [[nodiscard]] auto restore_queue(std::size_t number, const QueueState& state) -> bool;
  void write_queue_register(QueueRegisters& queue, std::size_t offset, std::uint32_t value);
  void write_status(std::uint8_t status);
  [[nodiscard]] auto negotiates() const noexcept -> bool;
  void enable(QueueRegisters& queue, std::size_t number);
  [[nodiscard]] auto is_window_data(std::size_t offset, std::size_t size) const noexcept -> bool;
  [[nodiscard]] auto window() const -> std::optional<Window>;
  void read_by_window();
  void write_by_window();

  [[nodiscard]] auto has_msix() const noexcept -> bool;
  [[nodiscard]] auto vector_or_none(std::uint32_t value) const noexcept -> std::uint16_t;
  void interrupt(std::uint16_t vector, std::uint8_t cause);
  [[nodiscard]] auto sends_messages() const noexcept -> bool;
  [[nodiscard]] auto event_of(std::uint16_t vector) const noexcept -> int;
  void send_pending();
  void update_messages();
  void raise_line();
  void break_down(const std::string& what);  // any thread can call it
  [[nodiscard]] auto service_device() -> bool;

  Device& device_;
  Environment environment_;

  mutable TurnMutex mutex_;  // protects device_ and all following members except atomics
  pci::ConfigSpace config_;
  std::size_t msix_capability_ = 0;  // 0: none
  std::size_t window_capability_ = 0;
  pci::MsixTable msix_;
  bool messages_changed_ = false;

  std::uint32_t device_feature_select_ = 0;
  std::uint32_t driver_feature_select_ = 0;
  std::uint64_t driver_features_ = 0;
  std::uint16_t config_vector_ = 0;
  std::uint8_t status_ = 0;
  std::uint8_t config_generation_ = 0;
  std::uint16_t queue_select_ = 0;
  // For vCPUs that do not wait for the lock: the address of the BAR, or kNowhere, and the ISR status.
  std::atomic<std::uint64_t> bar_;
  std::atomic<std::uint8_t> interrupt_causes_ = 0;
  bool config_interrupt_is_due_ = false;
  std::vector<QueueRegisters> registers_;
  std::vector<std::optional<Queue>> queues_;
  bool is_active_ = false;  // device_.activate() has succeeded
};

}  // namespace hermitage::vmm::virtio
