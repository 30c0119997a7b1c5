// The functions on PCI bus 0, and the accesses of the guest to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/devices/pci/function.hpp"

namespace hermitage::vmm::pci {

// Set up by one thread; after that, any thread may use it. On the bus of memory it answers for a window of addresses,
// which the BARs of its functions are in: the guest may move them there.
class PciBus final : public Device {
 public:
  static constexpr unsigned kSlots = 32;

  // `unclaimed` answers for the addresses of the window that no BAR has.
  explicit PciBus(Device& unclaimed) noexcept : unclaimed_{unclaimed} {}

  // Puts a function on a slot; function number 0. Precondition: the slot exists, and is free.
  void add(unsigned slot, Function& function) noexcept { functions_[slot] = &function; }

  // Accesses to configuration space. `id` is the function's: 8 bits of bus, 5 of slot, 3 of function. Where there is
  // none, reads are all ones.
  void read_config(std::uint16_t id, std::size_t offset, std::span<std::byte> data) const;
  void write_config(std::uint16_t id, std::size_t offset, std::span<const std::byte> data) const;

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  [[nodiscard]] auto function_of(std::uint16_t id) const noexcept -> Function*;

  Device& unclaimed_;
  std::array<Function*, kSlots> functions_{};
};

}  // namespace hermitage::vmm::pci
