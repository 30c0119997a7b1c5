// The architecture-specific parts of KVM's vCPUs: see arch/arch.hpp.
#pragma once

#if defined(HERMITAGE_VMM_ARCH_NONE)
#include "hermitage/vmm/kvm/none/features.hpp"
#elif defined(__aarch64__)
#include "hermitage/vmm/kvm/aarch64/features.hpp"
#else
#include "hermitage/vmm/kvm/x86_64/features.hpp"
#endif
