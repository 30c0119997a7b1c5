// A vCPU of KVM.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/arch.hpp"
#include "hermitage/vmm/kvm/debug.hpp"
#include "hermitage/vmm/kvm/exit.hpp"
#include "hermitage/vmm/kvm/shared_pages.hpp"
#include "hermitage/vmm/kvm/state.hpp"

namespace hermitage::vmm::kvm {

// Only the thread that runs the vCPU can call its functions, except for request_exit(). The directory of the
// architecture defines the functions below "Defined by the architecture".
class Vcpu {
 public:
  // Enters the guest, and returns after the next exit.
  [[nodiscard]] auto run() -> Exit;

  // Makes run() return Interrupted until withdraw_exit(). KVM first completes an access that was handled before, so the
  // vCPU is between two instructions. Any thread and any signal handler can call it. A thread that runs the guest must
  // also be sent a signal.
  void request_exit() noexcept;
  void withdraw_exit() noexcept;

  // Makes run() also return Interrupted when this signal is sent to the thread, in which it is blocked. Call it in the
  // thread that runs the vCPU, before run(). Fails with kvm_failed.
  [[nodiscard]] auto interrupt_at(int signal) -> Result<void>;
  // Whether the vCPU waits for an interrupt in a halt instruction.
  [[nodiscard]] auto is_halted() const noexcept -> bool;

  // Makes KVM complete the access that was the last exit, without running the guest. After that, the state is that
  // between two instructions, and the next run() returns Interrupted. Any thread can call it while no thread runs the
  // vCPU. Fails with kvm_failed.
  [[nodiscard]] auto complete_access() -> Result<void>;

  // Defined by the architecture.

  // Sets the complete initial state of the vCPU. Adapts `features` to vCPU `number`. Fails with kvm_failed.
  [[nodiscard]] auto configure(Features& features, std::uint32_t number, const arch::EntryState& state) -> Result<void>;
  // The frequency in kHz of the counter from which a guest derives the time; none if KVM does not report it.
  [[nodiscard]] auto counter_khz() const noexcept -> std::optional<std::uint32_t>;
  // The register in which Uhyve's interfaces 2 and 3 pass an argument, as of the last exit.
  [[nodiscard]] auto hypercall_argument() const noexcept -> std::uint64_t;
  [[nodiscard]] auto paging() const noexcept -> arch::PagingState;
  [[nodiscard]] auto registers() const noexcept -> arch::Registers;

  // For a debugger. Any thread can call these while no thread runs the vCPU. They fail with kvm_failed.
  [[nodiscard]] auto debug_state() const -> Result<arch::DebugState>;
  [[nodiscard]] auto set_debug_state(const arch::DebugState& state) -> Result<void>;
  [[nodiscard]] auto set_debug(const DebugSetting& setting) -> Result<void>;

  // For snapshots. Any thread can call these while no thread runs the vCPU. They fail with kvm_failed.
  [[nodiscard]] auto save_state(const StateRegisters& registers) const -> Result<State>;
  // Sets the complete state of a new vCPU, instead of configure(). Time stamps continue as if the vCPU had not been
  // saved. Adapts the features of this host to vCPU `number`, and compares them with those of the state; null: they are
  // not compared. Also fails with image if a part of the state is missing or has a wrong size.
  [[nodiscard]] auto restore_state(std::span<const StatePart> state, Features* host, std::uint32_t number)
      -> Result<void>;

  [[nodiscard]] auto descriptor() const noexcept -> int { return descriptor_.get(); }

 private:
  friend class Vm;

  Vcpu(Descriptor descriptor, SharedPages pages, bool syncs_registers) noexcept;

  [[nodiscard]] auto shared() const noexcept -> kvm_run& { return *reinterpret_cast<kvm_run*>(pages_.bytes().data()); }
  [[nodiscard]] auto port_access() -> Exit;
  [[nodiscard]] auto debug_event() const noexcept -> DebugEvent;
  // Makes KVM copy the general registers to the shared pages.
  void sync_registers() noexcept;

  Descriptor descriptor_;
  SharedPages pages_;
  bool syncs_registers_;
  kvm_guest_debug_arch debug_registers_ = {};  // as set; in the format of the architecture
  // The CPU features that the guest sees, as the architecture's part of a state. KVM may support more features.
  std::vector<std::byte> features_;
};

}  // namespace hermitage::vmm::kvm
