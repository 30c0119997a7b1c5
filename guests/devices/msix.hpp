// Message interrupts of a PCI function (MSI-X; PCI 3.0, 6.8.2).
#pragma once

#include <cstdint>
#include <optional>

#include "guests/devices/mmio.hpp"
#include "guests/devices/pci.hpp"

namespace guest {

class Msix {
 public:
  // Enables MSI-X, with all entries masked. Returns nothing if the function does not support it.
  [[nodiscard]] static auto enable(PciFunction& function) -> std::optional<Msix>;

  [[nodiscard]] auto size() const -> std::uint16_t { return size_; }

  // Sets entry `index`, below size(), to write `data` to `address`.
  void set(std::uint16_t index, std::uint64_t address, std::uint32_t data) const;

 private:
  Msix(const Mmio& table, std::uint16_t size) : table_{table}, size_{size} {}

  Mmio table_;
  std::uint16_t size_;
};

}  // namespace guest
