#include "hermitage/vmm/debug/debug_registers.hpp"

#include <algorithm>

namespace hermitage::vmm::debug {
namespace {

using Register = kvm::HardwareBreakpoint;

// None if the CPU has no such debug register: a watchpoint for reads only. A debugger then uses one for all accesses.
auto register_kind(BreakpointKind kind) -> Register::Kind {
  switch (kind) {
    case BreakpointKind::software:
    case BreakpointKind::hardware: return Register::Kind::execution;
    case BreakpointKind::write_watch: return Register::Kind::write;
    case BreakpointKind::access_watch: return Register::Kind::access;
    case BreakpointKind::read_watch: break;
  }
  return Register::Kind::none;
}

auto is_watchable(std::uint64_t address, std::uint64_t size) -> bool {
  return (size == 1 || size == 2 || size == 4 || size == 8) && address % size == 0;
}

}  // namespace

auto DebugRegisters::find(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> Use* {
  const auto found = std::ranges::find_if(uses_, [&](const Use& use) {
    return use.at.kind != Register::Kind::none && use.kind == kind && use.at.address == address &&
           (use.at.kind == Register::Kind::execution || use.at.size == size);
  });
  return found == uses_.end() ? nullptr : &*found;
}

auto DebugRegisters::insert(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> BreakpointOutcome {
  const auto wanted = register_kind(kind);
  const bool is_execution = wanted == Register::Kind::execution;
  const bool works = is_execution ? support_.execution_registers : support_.data_registers;
  if (wanted == Register::Kind::none || !works) return BreakpointOutcome::unsupported;
  if (find(kind, address, size) != nullptr) return BreakpointOutcome::done;
  if (is_execution) size = 1;
  const auto unused = std::ranges::find(uses_, Register::Kind::none, [](const Use& use) { return use.at.kind; });
  if (unused == uses_.end() || !is_watchable(address, size)) return BreakpointOutcome::failed;
  *unused = {.at = {.kind = wanted, .address = address, .size = static_cast<std::uint8_t>(size)}, .kind = kind};
  return BreakpointOutcome::done;
}

auto DebugRegisters::remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size) -> BreakpointOutcome {
  if (register_kind(kind) == Register::Kind::none) return BreakpointOutcome::unsupported;
  auto* const use = find(kind, address, size);
  if (use == nullptr) return BreakpointOutcome::failed;
  *use = {};
  return BreakpointOutcome::done;
}

auto DebugRegisters::stops_at(std::uint64_t address) const -> bool {
  return std::ranges::any_of(
      uses_, [&](const Use& use) { return use.at.kind == Register::Kind::execution && use.at.address == address; });
}

auto DebugRegisters::setting(std::optional<std::uint64_t> except) const -> kvm::HardwareBreakpoints {
  kvm::HardwareBreakpoints setting = {};
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    const auto& at = uses_[i].at;
    if (at.kind != Register::Kind::execution || at.address != except) setting[i] = at;
  }
  return setting;
}

}  // namespace hermitage::vmm::debug
