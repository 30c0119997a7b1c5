// The functions on PCI bus 0, and the guest's accesses to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/devices/pci/function.hpp"
#include "hermitage/vmm/devices/pci/host_bridge.hpp"

namespace hermitage::vmm::pci {

// One thread sets it up. After that, any thread can use it. On the memory bus, it handles a window of addresses that
// contains the BARs of its functions. The guest can move the BARs in the window.
class PciBus final : public Device {
 public:
  static constexpr unsigned kSlots = 32;
  static constexpr unsigned kFunctionSlot = 1;

  // `unclaimed` handles addresses of the window that are in no BAR.
  explicit PciBus(Device& unclaimed) noexcept : unclaimed_{unclaimed} {}

  // Adds a host bridge in slot 0, and a function in kFunctionSlot. Both have function number 0. Before that, the bus is
  // empty.
  void add(Function& function) noexcept;

  // Accesses to the configuration space. `id` identifies the function: 8 bits of bus, 5 of slot, 3 of function. Without
  // a function, all bits read as one.
  void read_config(std::uint16_t id, std::size_t offset, std::span<std::byte> data) const;
  void write_config(std::uint16_t id, std::size_t offset, std::span<const std::byte> data) const;

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  [[nodiscard]] auto function_of(std::uint16_t id) const noexcept -> Function*;

  Device& unclaimed_;
  HostBridge host_bridge_;
  std::array<Function*, kSlots> functions_{};
};

}  // namespace hermitage::vmm::pci
