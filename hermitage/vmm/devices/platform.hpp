// The devices of the guest's architecture: see arch/arch.hpp.
#pragma once

#if defined(HERMITAGE_VMM_ARCH_NONE)
#include "hermitage/vmm/devices/none/platform.hpp"
#elif defined(__aarch64__)
#include "hermitage/vmm/devices/aarch64/platform.hpp"
#else
#include "hermitage/vmm/devices/x86_64/platform.hpp"
#endif
