// The debug registers of a guest's vCPUs, as a debugger uses them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/debug/target.hpp"
#include "hermitage/vmm/kvm/debug.hpp"
#include "hermitage/vmm/kvm/probe.hpp"

namespace hermitage::vmm::debug {

// All vCPUs have the same registers.
class DebugRegisters {
 public:
  struct Use {
    kvm::HardwareBreakpoint at;                      // its kind is none if the register is not in use
    BreakpointKind kind = BreakpointKind::hardware;  // that the debugger asked for
  };

  explicit DebugRegisters(kvm::BreakpointSupport support = {}) noexcept : support_{support} {}

  // `size` is in bytes, and ignored for an instruction. Inserting a breakpoint twice uses one register. Fails if all
  // registers are in use, or if a register cannot watch these bytes. Unsupported: reads alone, and what KVM does not
  // support.
  [[nodiscard]] auto insert(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> BreakpointOutcome;
  // Fails if there is no such breakpoint.
  [[nodiscard]] auto remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> BreakpointOutcome;
  void remove_all() noexcept { uses_ = {}; }

  [[nodiscard]] auto operator[](std::size_t number) const -> const Use& { return uses_.at(number); }
  [[nodiscard]] auto stops_at(std::uint64_t address) const -> bool;
  // All but those for the instruction at `except`.
  [[nodiscard]] auto setting(std::optional<std::uint64_t> except) const -> kvm::HardwareBreakpoints;

 private:
  [[nodiscard]] auto find(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> Use*;

  kvm::BreakpointSupport support_;
  std::array<Use, arch::kHardwareBreakpoints> uses_ = {};
};

}  // namespace hermitage::vmm::debug
