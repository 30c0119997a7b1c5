// Access to the PCI configuration space in memory.
#pragma once

#include <cstdint>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/devices/pci/pci_bus.hpp"

namespace hermitage::vmm::pci {

// The enhanced configuration access mechanism (PCI Express Base Specification, 7.2.2) for bus 0: each function has 4
// KiB of addresses, of which the first 256 bytes are its configuration space. Other bytes read as ones.
class ConfigWindow final : public Device {
 public:
  static constexpr std::uint64_t kSize = 0x10'0000;

  // `start` is a multiple of kSize.
  ConfigWindow(const PciBus& pci, std::uint64_t start) noexcept : pci_{pci}, start_{start} {}

  [[nodiscard]] auto add_to(Bus& memory) -> bool { return memory.add(start_, kSize, *this); }

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  const PciBus& pci_;
  std::uint64_t start_;
};

}  // namespace hermitage::vmm::pci
