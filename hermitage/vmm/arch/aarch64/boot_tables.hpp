// The tables that a guest needs when it is entered: its page tables.
#pragma once

#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::aarch64 {

// Writes the page tables at their places in the layout. They map the hypercall pages, and the memory up to `mapped_end`
// except for the page below the boot stack: a stack that grows too large then causes a fault, and does not overwrite
// the tables. `is_legacy` makes no difference. Precondition: the memory there is zero. Fails with configuration.
[[nodiscard]] auto write_boot_tables(const GuestMemory& memory, const MemoryLayout& layout, GuestAddress mapped_end,
                                     bool is_legacy) -> Result<void>;

}  // namespace hermitage::vmm::aarch64
