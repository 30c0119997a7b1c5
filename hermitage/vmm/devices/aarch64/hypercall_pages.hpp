// The two pages whose addresses are the numbers of hypercalls.
#pragma once

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/devices/hypercall_ports.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

namespace hermitage::vmm::aarch64 {

// A hypercall is a store of 8 bytes. A kernel that does not detect the monitor drives a serial port (PL011) in the
// second page instead, by stores of 4 bytes, some of them to the address of a hypercall.
class HypercallPages final : public Device {
 public:
  HypercallPages(Hypercalls& hypercalls, Device& unclaimed) noexcept
      : hypercalls_{hypercalls}, calls_{hypercalls, unclaimed} {}

  [[nodiscard]] auto add_to(Bus& memory) -> bool;

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  Hypercalls& hypercalls_;
  HypercallPorts calls_;
};

}  // namespace hermitage::vmm::aarch64
