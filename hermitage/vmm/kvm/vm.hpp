// A virtual machine, as KVM has it.
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
  bool timer = false;          // on x86_64 an i8254 (PIT)
  bool manages_power = false;  // an idle vCPU does not leave the guest
};

// First its memory, then its interrupt controllers, then its vCPUs. In another order, KVM waits milliseconds for an
// SRCU grace period with each call.
class Vm {
 public:
  [[nodiscard]] auto set_memory(const GuestMemory& memory) -> Result<void>;
  // Lets the guest read zeros from these ranges, of whole pages, without leaving it for each of them. Once.
  [[nodiscard]] auto set_zeros(std::span<const GuestRange> ranges) -> Result<void>;
  // By the architecture: its interrupt controllers, and what else the options say. `kvm` is what made this.
  [[nodiscard]] auto create_devices(const Kvm& kvm, VmOptions options) -> Result<void>;
  // Lets KVM collect the writes to these ports. False where it cannot.
  [[nodiscard]] auto coalesce_ports(std::uint16_t first, std::uint32_t count) -> bool;
  // Signals an event whenever the guest writes to this address, however wide, which does not leave the guest for long.
  [[nodiscard]] auto signal_writes(GuestAddress address, int event) -> Result<void>;
  [[nodiscard]] auto create_vcpu(std::uint32_t number) -> Result<Vcpu>;
  // Of the first vCPU, which must be there; valid as long as it is.
  [[nodiscard]] auto coalesced_writes(const Vcpu& first) const -> CoalescedWrites;
  // The machine exists as long as a copy of this is open, whether or not its vCPUs' are.
  [[nodiscard]] auto descriptor() const noexcept -> int { return descriptor_.get(); }

 private:
  friend class Kvm;

  Vm(Descriptor descriptor, std::size_t vcpu_pages_size, std::size_t coalesced_page, bool syncs_registers) noexcept;

  Descriptor descriptor_;
  SharedPages zeros_;
  std::size_t vcpu_pages_size_;
  std::size_t coalesced_page_;  // index of the ring's page behind kvm_run; 0 where there is none
  bool syncs_registers_;
};

}  // namespace hermitage::vmm::kvm
