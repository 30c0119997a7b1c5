// Whether a vCPU repeats an exception in its kernel's handlers: see arch.hpp.
#pragma once

#if defined(HERMITAGE_VMM_ARCH_NONE)
#include "hermitage/vmm/arch/none/handlers.hpp"
#elif defined(__aarch64__)
#include "hermitage/vmm/arch/aarch64/handlers.hpp"
#else
#include "hermitage/vmm/arch/x86_64/handlers.hpp"
#endif
