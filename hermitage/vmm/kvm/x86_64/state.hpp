// The parts of the state of an x86_64 guest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hermitage::vmm::x86_64 {

// Snapshots contain these numbers.
enum class StateKind : std::uint32_t {
  features = 1,              // kvm_cpuid_entry2, each
  special_registers = 2,     // kvm_sregs
  extended_controls = 3,     // kvm_xcrs
  extended_registers = 4,    // kvm_xsave
  debug_registers = 5,       // kvm_debugregs
  interrupt_controller = 6,  // kvm_lapic_state
  events = 7,                // kvm_vcpu_events
  run_state = 8,             // kvm_mp_state
  general_registers = 9,     // kvm_regs
  model_registers = 10,      // kvm_msr_entry, each
  counter = 11,              // of time stamps: value, host's time in ns, kHz, each a u64

  first_pic = 32,   // kvm_irqchip
  second_pic = 33,  // kvm_irqchip
  io_apic = 34,     // kvm_irqchip
  timer = 35,       // kvm_pit_state2
  clock = 36,       // KVM's clock: value and host's time in ns, each a u64
};

inline constexpr std::size_t kMaxFeatures = 256;
inline constexpr std::size_t kMaxModelRegisters = 1024;

[[nodiscard]] constexpr auto name_of(StateKind kind) noexcept -> std::string_view {
  switch (kind) {
    case StateKind::features: return "the features of a vCPU";
    case StateKind::special_registers: return "the special registers";
    case StateKind::extended_controls: return "the extended control registers";
    case StateKind::extended_registers: return "the extended registers";
    case StateKind::debug_registers: return "the debug registers";
    case StateKind::interrupt_controller: return "the local APIC";
    case StateKind::events: return "the pending events";
    case StateKind::run_state: return "the run state of a vCPU";
    case StateKind::general_registers: return "the general registers";
    case StateKind::model_registers: return "the model-specific registers";
    case StateKind::counter: return "the time stamp counter";
    case StateKind::first_pic: return "the first i8259";
    case StateKind::second_pic: return "the second i8259";
    case StateKind::io_apic: return "the I/O APIC";
    case StateKind::timer: return "the i8254";
    case StateKind::clock: return "the clock of KVM";
  }
  return "";
}

}  // namespace hermitage::vmm::x86_64
