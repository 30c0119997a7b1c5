// A vCPU, as KVM has it.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <optional>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/arch.hpp"
#include "hermitage/vmm/kvm/debug.hpp"
#include "hermitage/vmm/kvm/exit.hpp"
#include "hermitage/vmm/kvm/shared_pages.hpp"

namespace hermitage::vmm::kvm {

// Its functions are for the thread that runs it, except request_exit(). Those below "By the architecture" are defined
// in its directory.
class Vcpu {
 public:
  // Enters the guest, and returns when it has left it.
  [[nodiscard]] auto run() -> Exit;

  // Makes run() return Interrupted until withdraw_exit(): an access that was answered before is completed then, so that
  // the vCPU is between two instructions. Any thread and any signal handler may call it; a thread that is in the guest
  // must be sent a signal, too.
  void request_exit() noexcept;
  void withdraw_exit() noexcept;

  // By the architecture.

  // Sets all that the vCPU begins with. `features` are adapted to vCPU `number`. Fails with kvm_failed.
  [[nodiscard]] auto configure(Features& features, std::uint32_t number, const arch::EntryState& state) -> Result<void>;
  // The frequency of the counter that a guest tells the time by; nothing where KVM does not tell.
  [[nodiscard]] auto counter_khz() const noexcept -> std::optional<std::uint32_t>;
  // The register that Uhyve's interfaces 2 and 3 pass an argument in, as it was when the guest was left.
  [[nodiscard]] auto hypercall_argument() const noexcept -> std::uint64_t;
  [[nodiscard]] auto paging() const noexcept -> arch::PagingState;
  [[nodiscard]] auto registers() const noexcept -> arch::Registers;

  // For a debugger, by any thread, while none runs the vCPU. They fail with kvm_failed.
  [[nodiscard]] auto debug_state() const -> Result<arch::DebugState>;
  [[nodiscard]] auto set_debug_state(const arch::DebugState& state) -> Result<void>;
  [[nodiscard]] auto set_debug(const DebugSetting& setting) -> Result<void>;

  [[nodiscard]] auto descriptor() const noexcept -> int { return descriptor_.get(); }

 private:
  friend class Vm;

  Vcpu(Descriptor descriptor, SharedPages pages, bool syncs_registers) noexcept;

  [[nodiscard]] auto shared() const noexcept -> kvm_run& { return *reinterpret_cast<kvm_run*>(pages_.bytes().data()); }
  [[nodiscard]] auto port_access() -> Exit;
  [[nodiscard]] auto debug_event() const noexcept -> DebugEvent;
  // Lets KVM leave the general registers in the shared pages.
  void sync_registers() noexcept;

  Descriptor descriptor_;
  SharedPages pages_;
  bool syncs_registers_;
};

}  // namespace hermitage::vmm::kvm
