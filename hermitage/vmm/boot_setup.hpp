// Everything between a kernel's file and its first instruction.
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
#include "hermitage/vmm/warnings.hpp"

namespace hermitage::vmm {

// Fails with configuration where the options contradict themselves, or this host.
[[nodiscard]] auto check_options(const MachineOptions& options) -> Result<void>;

// Decides where the guest's memory and its kernel are. Fails with configuration, image, or host_failed.
[[nodiscard]] auto plan_layout(const entry::KernelObject& kernel, const MachineOptions& options)
    -> Result<arch::MemoryLayout>;

struct BootRequest {
  const entry::KernelObject& kernel;
  int descriptor;           // of the kernel's file, or -1; see KernelSource
  MachineOptions& options;  // of which the backend of its network card is taken
  const arch::MemoryLayout& layout;
  const GuestMemory& memory;  // fresh
  Warnings& warnings;
};

// What KVM has of a guest that is ready to run.
struct BootedVm {
  kvm::Vm vm;
  std::vector<kvm::Vcpu> vcpus;
  kvm::CoalescedWrites coalesced_writes;
  bool collects_output;                       // and the guest's output is among what is coalesced
  std::unique_ptr<NetworkCard> network_card;  // or none
};

// Loads kernel and image, makes the VM with its vCPUs, and writes what the kernel is told. Fails with any ErrorCode.
[[nodiscard]] auto set_up(const BootRequest& request) -> Result<BootedVm>;

}  // namespace hermitage::vmm
