// What a vCPU says of itself: CPUID.
#pragma once

#include <linux/kvm.h>

#include <span>

namespace hermitage::vmm::kvm {

// Makes of what KVM supports what vCPU `number` tells its kernel, as Uhyve does: there is a hypervisor, a
// deadline timer, and no performance monitoring; and, as the machine is, its own number.
void adapt_cpuid(std::span<kvm_cpuid_entry2> entries, unsigned number) noexcept;

}  // namespace hermitage::vmm::kvm
