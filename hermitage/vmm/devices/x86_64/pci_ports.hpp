// The ports with which a guest accesses the PCI configuration space. Kernels use them even without a bus.
#pragma once

#include <atomic>
#include <cstdint>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/devices/pci/pci_bus.hpp"

namespace hermitage::vmm::x86_64 {

// PCI Local Bus Specification 3.0, 3.2.2.3.2: the first four ports select a register, and the next four access it. The
// register reads as ones if there is no function.
class PciPorts final : public Device {
 public:
  static constexpr std::uint16_t kAddressPort = 0xcf8;
  static constexpr std::uint16_t kAddressPorts = 4;
  static constexpr std::uint16_t kPorts = 8;

  explicit PciPorts(const pci::PciBus& pci) noexcept : pci_{pci} {}

  [[nodiscard]] auto add_to(Bus& ports) -> bool { return ports.add(kAddressPort, kPorts, *this); }

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  const pci::PciBus& pci_;
  std::atomic<std::uint32_t> address_ = 0;
};

}  // namespace hermitage::vmm::x86_64
