// A virtual machine of KVM.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/arch.hpp"
#include "hermitage/vmm/kvm/coalesced_writes.hpp"
#include "hermitage/vmm/kvm/shared_pages.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::kvm {

class Kvm;

struct VmOptions {
  bool timer = false;          // on x86_64, an i8254 (PIT)
  bool manages_power = false;  // an idle vCPU causes no exit
};

// Set the memory first, then create the interrupt controllers, then the vCPUs. In another order, KVM waits milliseconds
// for an SRCU grace period in each call.
class Vm {
 public:
  [[nodiscard]] auto set_memory(const GuestMemory& memory) -> Result<void>;
  // Makes these ranges of whole pages read as zeros without exits. Call this at most once.
  [[nodiscard]] auto set_zeros(std::span<const GuestRange> ranges) -> Result<void>;
  // Defined by the architecture: creates its interrupt controllers, and the devices of the options. `kvm` has created
  // this machine.
  [[nodiscard]] auto create_devices(const Kvm& kvm, VmOptions options) -> Result<void>;
  // Defined by the architecture: completes them after all vCPUs have their state.
  [[nodiscard]] auto finish_devices() -> Result<void>;
  // Makes KVM collect the writes to these ports. Returns false if KVM cannot.
  [[nodiscard]] auto coalesce_ports(std::uint16_t first, std::uint32_t count) -> bool;
  // Makes KVM signal an event for each write of the guest to this address, of any size, without an exit to the monitor.
  [[nodiscard]] auto signal_writes(GuestAddress address, int event) -> Result<void>;
  [[nodiscard]] auto create_vcpu(std::uint32_t number) -> Result<Vcpu>;
  // The writes are in the pages of the first vCPU, which must exist and outlive the result.
  [[nodiscard]] auto coalesced_writes(const Vcpu& first) const -> CoalescedWrites;
  // Defined by the architecture: its interrupt controllers, its clock, and the timer of VmOptions. The guest must not
  // run. Restore the vCPUs first. restore_state() also fails with image if a part is missing or has a wrong size.
  [[nodiscard]] auto save_state(bool has_timer) const -> Result<State>;
  [[nodiscard]] auto restore_state(std::span<const StatePart> state, bool has_timer) -> Result<void>;
  // The machine exists while a copy of this descriptor is open, even if the descriptors of its vCPUs are closed.
  [[nodiscard]] auto descriptor() const noexcept -> int { return descriptor_.get(); }

 private:
  friend class Kvm;

  Vm(Descriptor descriptor, std::size_t vcpu_pages_size, std::size_t coalesced_page, bool syncs_registers) noexcept;

  Descriptor descriptor_;
  Descriptor interrupt_controller_;  // if it is a separate object of KVM
  SharedPages zeros_;
  std::size_t vcpu_pages_size_;
  std::size_t coalesced_page_;  // index of the ring's page after kvm_run; 0 if there is none
  bool syncs_registers_;
};

}  // namespace hermitage::vmm::kvm
