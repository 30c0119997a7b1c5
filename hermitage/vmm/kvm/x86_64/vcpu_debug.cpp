// The x86_64 parts of debugging a vCPU.
#include <cstring>

#include "hermitage/vmm/kvm/call.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/kvm/x86_64/call_numbers.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr std::uint32_t kBreakpointException = 3;
// DR6 and DR7: Intel SDM 3, 17.2.
constexpr std::uint64_t kStatusOfRegisters = 0xf;
constexpr std::uint64_t kFixedControl = 0x400;

auto to_selector(std::uint16_t value, kvm_segment segment) -> kvm_segment {
  segment.selector = value;
  return segment;
}

// The two bits of DR7 for the kind of access, and the two for its size.
auto condition_of(const HardwareBreakpoint& breakpoint) -> std::uint64_t {
  switch (breakpoint.kind) {
    case HardwareBreakpoint::Kind::write: return 1;
    case HardwareBreakpoint::Kind::access: return 3;
    default: return 0;
  }
}
auto length_of(const HardwareBreakpoint& breakpoint) -> std::uint64_t {
  switch (breakpoint.size) {
    case 2: return 1;
    case 4: return 3;
    case 8: return 2;
    default: return 0;
  }
}

}  // namespace

auto Vcpu::debug_event() const noexcept -> DebugEvent {
  const auto& debug = shared().debug.arch;
  if (debug.exception == kBreakpointException) return {.kind = DebugEvent::Kind::breakpoint};
  for (unsigned number = 0; number < arch::kHardwareBreakpoints; ++number) {
    if ((debug.dr6 & kStatusOfRegisters) >> number & 1) return {.kind = DebugEvent::Kind::hardware, .hardware = number};
  }
  return {.kind = DebugEvent::Kind::step};
}

auto Vcpu::debug_state() const -> Result<arch::DebugState> {
  arch::DebugState state;
  kvm_sregs special{};
  if (auto got = call(descriptor_, KVM_GET_SREGS, &special, "KVM_GET_SREGS"); !got) return std::unexpected{got.error()};
  if (auto got = call(descriptor_, kGetXsave, state.extended.data(), "KVM_GET_XSAVE"); !got) {
    return std::unexpected{got.error()};
  }
  state.general = registers();
  state.selectors = {.cs = special.cs.selector,
                     .ss = special.ss.selector,
                     .ds = special.ds.selector,
                     .es = special.es.selector,
                     .fs = special.fs.selector,
                     .gs = special.gs.selector};
  state.fs_base = special.fs.base;
  state.gs_base = special.gs.base;
  return state;
}

auto Vcpu::set_debug_state(const arch::DebugState& state) -> Result<void> {
  const auto& from = state.general;
  kvm_regs general{.rax = from.rax,
                   .rbx = from.rbx,
                   .rcx = from.rcx,
                   .rdx = from.rdx,
                   .rsi = from.rsi,
                   .rdi = from.rdi,
                   .rsp = from.rsp,
                   .rbp = from.rbp,
                   .r8 = from.r8,
                   .r9 = from.r9,
                   .r10 = from.r10,
                   .r11 = from.r11,
                   .r12 = from.r12,
                   .r13 = from.r13,
                   .r14 = from.r14,
                   .r15 = from.r15,
                   .rip = from.rip,
                   .rflags = from.rflags};
  if (auto set = call(descriptor_, KVM_SET_REGS, &general, "KVM_SET_REGS"); !set) return set;
  kvm_sregs special{};
  if (auto got = call(descriptor_, KVM_GET_SREGS, &special, "KVM_GET_SREGS"); !got) return got;
  special.cs = to_selector(state.selectors.cs, special.cs);
  special.ss = to_selector(state.selectors.ss, special.ss);
  special.ds = to_selector(state.selectors.ds, special.ds);
  special.es = to_selector(state.selectors.es, special.es);
  special.fs = to_selector(state.selectors.fs, special.fs);
  special.gs = to_selector(state.selectors.gs, special.gs);
  special.fs.base = state.fs_base;
  special.gs.base = state.gs_base;
  if (auto set = call(descriptor_, KVM_SET_SREGS, &special, "KVM_SET_SREGS"); !set) return set;
  auto extended = state.extended;
  return call(descriptor_, kSetXsave, extended.data(), "KVM_SET_XSAVE");
}

auto Vcpu::set_debug(const DebugSetting& setting) -> Result<void> {
  kvm_guest_debug debug{};
  if (setting.stops_at_breakpoints) debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
  if (setting.steps) debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_BLOCKIRQ;
  if (setting.delivers_breakpoint) debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_BP;
  for (unsigned number = 0; number < setting.hardware.size(); ++number) {
    const auto& breakpoint = setting.hardware[number];
    if (breakpoint.kind == HardwareBreakpoint::Kind::none) continue;
    debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
    debug.arch.debugreg[number] = breakpoint.address;
    constexpr unsigned kControl = 7;
    debug.arch.debugreg[kControl] |= kFixedControl | std::uint64_t{2} << (2 * number) |
                                     (condition_of(breakpoint) | length_of(breakpoint) << 2) << (16 + 4 * number);
  }
  return call(descriptor_, KVM_SET_GUEST_DEBUG, &debug, "KVM_SET_GUEST_DEBUG");
}

}  // namespace hermitage::vmm::kvm
