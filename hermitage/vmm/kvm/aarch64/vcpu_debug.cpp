// The aarch64 parts of debugging a vCPU.
#include <cstring>

#include "hermitage/vmm/kvm/aarch64/registers.hpp"
#include "hermitage/vmm/kvm/call.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"

namespace hermitage::vmm::kvm {
namespace {

// Exception classes in a syndrome: Arm Architecture Reference Manual, D19.2.37.
constexpr unsigned kClassShift = 26;
constexpr std::uint32_t kClassMask = 0x3f;
constexpr std::uint32_t kHardwareBreakpointClass = 0x30;
constexpr std::uint32_t kWatchpointClass = 0x34;
constexpr std::uint32_t kBreakpointClass = 0x3c;

// Control registers of breakpoints and watchpoints: D2.8, D2.10. Both are enabled at EL1 and EL0.
constexpr std::uint64_t kEnabled = 1;
constexpr std::uint64_t kAllLevels = 3 << 1;
constexpr std::uint64_t kWholeInstruction = 0xf << 5;
constexpr std::uint64_t kStores = 2 << 3;
constexpr std::uint64_t kLoadsAndStores = 3 << 3;
constexpr unsigned kBytesShift = 5;
constexpr std::uint64_t kGranule = 8;  // a watchpoint selects bytes in an aligned granule

auto watch_control(const HardwareBreakpoint& breakpoint) -> std::uint64_t {
  const auto bytes = ((std::uint64_t{1} << breakpoint.size) - 1) << breakpoint.address % kGranule;
  const auto kind = breakpoint.kind == HardwareBreakpoint::Kind::write ? kStores : kLoadsAndStores;
  return kEnabled | kAllLevels | kind | bytes << kBytesShift;
}

// The number of the watchpoint that contains the address.
auto watchpoint_at(const kvm_guest_debug_arch& set, std::uint64_t address) -> unsigned {
  for (unsigned number = 0; number < arch::kHardwareBreakpoints; ++number) {
    const bool is_set = (set.dbg_wcr[number] & kEnabled) != 0;
    if (is_set && set.dbg_wvr[number] / kGranule == address / kGranule) return number;
  }
  return 0;
}

auto breakpoint_at(const kvm_guest_debug_arch& set, std::uint64_t address) -> unsigned {
  for (unsigned number = 0; number < arch::kHardwareBreakpoints; ++number) {
    if ((set.dbg_bcr[number] & kEnabled) != 0 && set.dbg_bvr[number] == address) return number;
  }
  return 0;
}

}  // namespace

auto Vcpu::debug_event() const noexcept -> DebugEvent {
  const auto& debug = shared().debug.arch;
  switch (debug.hsr >> kClassShift & kClassMask) {
    case kBreakpointClass: return {.kind = DebugEvent::Kind::breakpoint};
    case kHardwareBreakpointClass:
      return {.kind = DebugEvent::Kind::hardware,
              .hardware = breakpoint_at(debug_registers_, register_value(descriptor_, kProgramCounter))};
    case kWatchpointClass:
      return {.kind = DebugEvent::Kind::hardware, .hardware = watchpoint_at(debug_registers_, debug.far)};
    default: return {.kind = DebugEvent::Kind::step};
  }
}

auto Vcpu::debug_state() const -> Result<arch::DebugState> {
  arch::DebugState state;
  state.general = registers();
  for (std::size_t number = 0; number < state.vectors.size(); ++number) {
    if (auto got = get_register(descriptor_, vector_register(number), state.vectors[number].data()); !got) {
      return std::unexpected{got.error()};
    }
  }
  if (auto got = get_register(descriptor_, kFloatStatus, &state.fpsr); !got) return std::unexpected{got.error()};
  if (auto got = get_register(descriptor_, kFloatControl, &state.fpcr); !got) return std::unexpected{got.error()};
  return state;
}

auto Vcpu::set_debug_state(const arch::DebugState& state) -> Result<void> {
  const auto& general = state.general;
  for (std::size_t number = 0; number < general.x.size(); ++number) {
    if (auto set = set_register(descriptor_, general_register(number), general.x[number]); !set) return set;
  }
  if (auto set = set_register(descriptor_, kStackPointer, general.sp); !set) return set;
  if (auto set = set_register(descriptor_, kProgramCounter, general.pc); !set) return set;
  if (auto set = set_register(descriptor_, kProcessorState, general.pstate); !set) return set;
  for (std::size_t number = 0; number < state.vectors.size(); ++number) {
    const void* const value = state.vectors[number].data();
    if (auto set = set_register(descriptor_, vector_register(number), value); !set) return set;
  }
  if (auto set = set_register(descriptor_, kFloatStatus, static_cast<const void*>(&state.fpsr)); !set) return set;
  return set_register(descriptor_, kFloatControl, static_cast<const void*>(&state.fpcr));
}

// `delivers_breakpoint` needs nothing: the instruction causes its exception if no breakpoints are intercepted.
auto Vcpu::set_debug(const DebugSetting& setting) -> Result<void> {
  kvm_guest_debug debug{};
  if (setting.stops_at_breakpoints) debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
  if (setting.steps) debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
  for (unsigned number = 0; number < setting.hardware.size(); ++number) {
    const auto& breakpoint = setting.hardware[number];
    if (breakpoint.kind == HardwareBreakpoint::Kind::none) continue;
    debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW;
    if (breakpoint.kind == HardwareBreakpoint::Kind::execution) {
      debug.arch.dbg_bvr[number] = breakpoint.address;
      debug.arch.dbg_bcr[number] = kEnabled | kAllLevels | kWholeInstruction;
    } else {
      debug.arch.dbg_wvr[number] = breakpoint.address & ~(kGranule - 1);
      debug.arch.dbg_wcr[number] = watch_control(breakpoint);
    }
  }
  debug_registers_ = debug.arch;
  return call(descriptor_, KVM_SET_GUEST_DEBUG, &debug, "KVM_SET_GUEST_DEBUG");
}

}  // namespace hermitage::vmm::kvm
