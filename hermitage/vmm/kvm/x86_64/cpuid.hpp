// The CPUID of a vCPU.
#pragma once

#include <linux/kvm.h>

#include <span>

namespace hermitage::vmm::kvm {

// Adapts the features that KVM supports for vCPU `number`, as Uhyve does: with a hypervisor, with a deadline timer,
// without performance monitoring, and with the vCPU's own number.
void adapt_cpuid(std::span<kvm_cpuid_entry2> entries, unsigned number) noexcept;

}  // namespace hermitage::vmm::kvm
