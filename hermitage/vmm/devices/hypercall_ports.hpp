// The addresses that a guest calls its monitor by.
#pragma once

#include "hermitage/vmm/bus/bus.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

namespace hermitage::vmm {

// By interface 1, what is written is the argument, and nothing can be read. By 2 and 3, a register has it.
class HypercallPorts final : public Device {
 public:
  // `unclaimed` answers what is no hypercall.
  HypercallPorts(Hypercalls& hypercalls, Device& unclaimed) noexcept : hypercalls_{hypercalls}, unclaimed_{unclaimed} {}

  // Puts it on all addresses of the guest's interface. False where one is taken.
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
