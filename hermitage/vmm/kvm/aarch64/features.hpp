// The features of a vCPU of aarch64: the CPU type that KVM prefers, and optional features.
#pragma once

#include <linux/kvm.h>

namespace hermitage::vmm::kvm {

// For all vCPUs of a machine.
struct Features {
  kvm_vcpu_init init;
};

// Snapshots are not supported: see arch/aarch64/limits.hpp.
struct StateRegisters {};

}  // namespace hermitage::vmm::kvm
