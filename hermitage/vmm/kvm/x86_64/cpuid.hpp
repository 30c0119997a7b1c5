// What a guest's processor says of itself.
#pragma once

#include <linux/kvm.h>

#include <span>

namespace hermitage::vmm::kvm {

// Makes of what KVM supports what the processor `number` tells its kernel, as Uhyve does: there is a hypervisor, a
// deadline timer, and no performance monitoring; and, as the machine is, its own number.
void adapt_cpuid(std::span<kvm_cpuid_entry2> entries, unsigned number) noexcept;

}  // namespace hermitage::vmm::kvm
