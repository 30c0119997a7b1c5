// The architecture of the guest, which is the host's. kvm/arch.hpp and devices/platform.hpp select by the same macros.
// Each architecture has these headers, which define the same names:
//   boot_tables.hpp    the tables that a kernel needs when it is entered
//   debug_state.hpp    the state of a vCPU that a debugger can access
//   device_nodes.hpp   nodes of the device tree
//   limits.hpp         what a guest cannot have
//   memory_layout.hpp  the addresses of the guest memory; memory_plan.hpp has the layout
//   page_tables.hpp    translation of guest-virtual addresses
//   register_text.hpp  registers for users
//   stack.hpp          the registers and the calls by which a stack is walked
//   vcpu_state.hpp     the state of a vCPU when it enters a kernel, and its registers
//   virtualization.hpp whether the host supports virtualization
#pragma once

#if defined(HERMITAGE_VMM_ARCH_NONE)
#include "hermitage/vmm/arch/none/arch.hpp"
namespace hermitage::vmm {
namespace arch = none;
}
#elif defined(__aarch64__)
#include "hermitage/vmm/arch/aarch64/arch.hpp"
namespace hermitage::vmm {
namespace arch = aarch64;
}
#else
#include "hermitage/vmm/arch/x86_64/arch.hpp"
namespace hermitage::vmm {
namespace arch = x86_64;
}
#endif
