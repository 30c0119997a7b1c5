// The guest's architecture, chosen when the library is built. kvm/arch.hpp and devices/platform.hpp choose with it.
// Each has these headers, with the same names in them:
//   boot_tables.hpp    the tables that a guest is entered with
//   debug_state.hpp    what a debugger sees of a vCPU
//   memory_layout.hpp  where everything lies in the guest's memory
//   page_tables.hpp    how a vCPU translates addresses
//   vcpu_state.hpp     what a vCPU holds when it enters a kernel, and when it is looked at afterwards
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
