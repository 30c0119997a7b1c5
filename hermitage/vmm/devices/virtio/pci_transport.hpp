// How a driver reaches a virtio device on a PCI bus: virtio 1.2, 4.1, without the legacy interface.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
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

namespace hermitage::vmm::virtio {

// vCPUs reach it as a function on the bus; the device's I/O thread calls service(). One lock is held for a round of
// service, and for each access but those of a driver at work: to the ISR status, and notifications. So a driver's reset
// waits for a round at most.
//
// The function decodes memory from the beginning, as after firmware. Whether it is a bus master is not looked at:
// drivers exist that forget to say so.
class PciTransport final : public pci::Function {
 public:
  static constexpr std::uint64_t kBarSize = 0x8000;
  // Where in the BAR a driver says that queue N has something new: kNotifyMultiplier bytes for each.
  static constexpr std::uint64_t kNotifyOffset = 0x3000;
  static constexpr std::uint64_t kNotifyMultiplier = 4;

  // One for each queue, and one for changes of the configuration.
  static constexpr auto vector_count(unsigned queues) -> unsigned { return queues + 1; }

  struct Environment {
    const GuestMemory& memory;
    Interrupts& interrupts;
    // Gets the I/O thread to call service(). From any vCPU's thread.
    std::function<void()> wake;
    // Gets a line about a driver that does what it must not.
    std::function<void(const std::string&)> warn;
  };

  // `bar` is the address that the BAR has in the beginning, a multiple of kBarSize. `line` is the interrupt line that
  // the guest finds in its configuration.
  PciTransport(Device& device, Environment environment, std::uint64_t bar, std::uint8_t line);

  void read_config(std::size_t offset, std::span<std::byte> data) override;
  void write_config(std::size_t offset, std::span<const std::byte> data) override;
  [[nodiscard]] auto bar_offset(std::uint64_t address, std::size_t size) const -> std::optional<std::size_t> override;
  void read_bar(std::size_t offset, std::span<std::byte> data) override;
  void write_bar(std::size_t offset, std::span<const std::byte> data) override;

  // By the I/O thread. A round: what is new of the driver's and of the device's. True: there is more to do.
  [[nodiscard]] auto service() -> bool;
  // The guest has acknowledged the interrupt that the line was raised for.
  void on_line_acknowledged();

 private:
  // The part of the BAR that the configuration space leads to.
  struct Window {
    std::size_t offset;
    std::size_t size;
  };

  // A queue as the driver describes it.
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
  void update_bar() noexcept;
  void set_defaults();
  [[nodiscard]] auto offered_features() const noexcept -> std::uint64_t;

  // Without the lock.
  void read_bar_locked(std::size_t offset, std::span<std::byte> data);
  void read_isr(std::size_t offset, std::span<std::byte> data) noexcept;
  void write_bar_locked(std::size_t offset, std::span<const std::byte> data);
  void notify(std::size_t place);
  void read_common(std::size_t offset, std::span<std::byte> data) const;
  void write_common(std::size_t offset, std::span<const std::byte> data);
  void write_register(std::size_t offset, std::uint32_t value);
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
  void break_down(const std::string& what);  // of any thread
  [[nodiscard]] auto service_device() -> bool;

  Device& device_;
  Environment environment_;

  mutable TurnMutex mutex_;  // of all that follows but atomics, and of device_
  pci::ConfigSpace config_;
  std::size_t msix_capability_ = 0;
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
  // For vCPUs that do not wait for the lock: where the BAR is, or kNowhere, and the ISR status.
  std::atomic<std::uint64_t> bar_;
  std::atomic<std::uint8_t> interrupt_causes_ = 0;
  bool config_interrupt_is_due_ = false;
  std::vector<QueueRegisters> registers_;
  std::vector<std::optional<Queue>> queues_;
  bool is_active_ = false;  // the device is activated
};

}  // namespace hermitage::vmm::virtio
