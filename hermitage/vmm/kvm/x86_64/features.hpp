// The features that a vCPU of x86_64 has: what KVM supports, as CPUID tells it.
#pragma once

#include <linux/kvm.h>

#include "hermitage/vmm/kvm/list.hpp"

namespace hermitage::vmm::kvm {

// Of all vCPUs of a machine. Vcpu::configure() adapts it in place to each.
using Features = List<kvm_cpuid_entry2>;

}  // namespace hermitage::vmm::kvm
