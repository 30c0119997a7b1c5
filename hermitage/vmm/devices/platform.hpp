// The devices of the guest's architecture: see arch/arch.hpp.
#pragma once

#ifdef HERMITAGE_VMM_ARCH_NONE
#include "hermitage/vmm/devices/none/platform.hpp"
#else
#include "hermitage/vmm/devices/x86_64/platform.hpp"
#endif
