// The port addresses of hypercalls.
#pragma once

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

namespace hermitage::vmm {

// With interface 1, the written value is the argument, and reads are not hypercalls. With 2 and 3, a register contains
// the argument.
class HypercallPorts final : public Device {
 public:
  // `unclaimed` handles accesses that are not hypercalls.
  HypercallPorts(Hypercalls& hypercalls, Device& unclaimed) noexcept : hypercalls_{hypercalls}, unclaimed_{unclaimed} {}

  // Adds this device at all addresses of the guest's interface. Returns false if an address is in use.
  [[nodiscard]] auto add_to(Bus& bus) -> bool;

  [[nodiscard]] auto read(const Access& access, std::span<std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto write(const Access& access, std::span<const std::byte> data) -> AccessOutcome override;
  [[nodiscard]] auto name_of(std::uint64_t address, bool is_write) const noexcept -> const char* override;

 private:
  [[nodiscard]] auto has_reads() const noexcept -> bool { return hypercalls_.interface().value > 1; }

  Hypercalls& hypercalls_;
  Device& unclaimed_;
};

}  // namespace hermitage::vmm
