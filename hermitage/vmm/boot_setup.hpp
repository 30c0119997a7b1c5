// Prepares a guest, from the kernel's file to its first instruction.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/coalesced_writes.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/kvm/vm.hpp"
#include "hermitage/vmm/machine_options.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"
#include "hermitage/vmm/network_card.hpp"
#include "hermitage/vmm/snapshot/machine_state.hpp"
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

// Fails with configuration if the options contradict each other or this host.
[[nodiscard]] auto check_options(const MachineOptions& options) -> Result<void>;

// Fails with configuration or image if the architecture does not have what the options request for this kernel.
[[nodiscard]] auto check_kernel(const entry::KernelObject& kernel, const MachineOptions& options) -> Result<void>;

// Selects the addresses of the guest memory and its kernel. Fails with configuration, image, or host_failed.
[[nodiscard]] auto plan_layout(const entry::KernelObject& kernel, const MachineOptions& options)
    -> Result<arch::MemoryLayout>;

struct BootRequest {
  const entry::KernelObject& kernel;
  int descriptor;           // of the kernel's file, or -1; see KernelSource
  MachineOptions& options;  // set_up() moves the backend of the network card out of it
  const arch::MemoryLayout& layout;
  const GuestMemory& memory;  // newly allocated
  Warnings& warnings;
};

// The KVM objects of a guest that is ready to run.
struct BootedVm {
  kvm::Vm vm;
  std::vector<kvm::Vcpu> vcpus;
  kvm::StateRegisters state_registers;  // for Vcpu::save_state()
  kvm::CoalescedWrites coalesced_writes;
  bool collects_output;                       // the guest's output is among the coalesced writes
  std::unique_ptr<NetworkCard> network_card;  // null if there is none
};

// Loads kernel and image, makes the VM with its vCPUs, and writes the data that the kernel gets. Fails with any
// ErrorCode.
[[nodiscard]] auto set_up(const BootRequest& request) -> Result<BootedVm>;

struct RestoreRequest {
  const snapshot::MachineState& machine;
  MachineOptions& options;    // with the number of vCPUs and the devices of the machine
  const GuestMemory& memory;  // with the saved content
  Warnings& warnings;
};

// Makes the VM with its vCPUs in their saved state. Fails with image, kvm_missing, kvm_permission or kvm_failed.
[[nodiscard]] auto set_up_restored(const RestoreRequest& request) -> Result<BootedVm>;

}  // namespace hermitage::vmm
