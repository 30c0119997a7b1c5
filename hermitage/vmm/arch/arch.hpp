// The architecture of the guest. The build selects it. kvm/arch.hpp and devices/platform.hpp select by the same macro.
// Each architecture has these headers, which define the same names:
//   boot_tables.hpp    the tables that a kernel needs when it is entered
//   debug_state.hpp    the state of a vCPU that a debugger can access
//   memory_layout.hpp  the layout of the guest memory
//   page_tables.hpp    translation of guest-virtual addresses
//   stack.hpp          the registers and the calls by which a stack is walked
//   vcpu_state.hpp     the state of a vCPU when it enters a kernel, and its registers
#pragma once

#ifdef HERMITAGE_VMM_ARCH_NONE
#include "hermitage/vmm/arch/none/arch.hpp"
namespace hermitage::vmm {
namespace arch = none;
}
#else
#include "hermitage/vmm/arch/x86_64/arch.hpp"
namespace hermitage::vmm {
namespace arch = x86_64;
}
#endif
