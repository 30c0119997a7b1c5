// The features of a vCPU of x86_64: the CPUID entries that KVM supports.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

#include "hermitage/vmm/kvm/list.hpp"

namespace hermitage::vmm::kvm {

// One list for all vCPUs of a machine. Vcpu::configure() adapts it in place to each of them.
using Features = List<kvm_cpuid_entry2>;

// The model-specific registers that belong to the state of a vCPU on this host.
struct StateRegisters {
  std::vector<std::uint32_t> indices;
};

}  // namespace hermitage::vmm::kvm
