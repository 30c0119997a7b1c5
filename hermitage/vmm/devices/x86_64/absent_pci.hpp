// The ports of a PCI bus that is not there: kernels scan it all the same.
#pragma once

#include <atomic>
#include <cstdint>

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"

namespace hermitage::vmm::x86_64 {

// PCI Local Bus Specification 3.0, 3.2.2.3.2: an address is written to the first four ports, and the register that it
// names is behind the next four. It reads as all ones, which says that there is no such device.
class AbsentPci final : public Device {
 public:
  static constexpr std::uint16_t kAddressPort = 0xcf8;
  static constexpr std::uint16_t kAddressPorts = 4;
  static constexpr std::uint16_t kPorts = 8;

  [[nodiscard]] auto add_to(Bus& ports) -> bool { return ports.add(kAddressPort, kPorts, *this); }

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  std::atomic<std::uint32_t> address_ = 0;
};

}  // namespace hermitage::vmm::x86_64
