// The tables that a guest needs when it is entered: its page tables and segment descriptors.
#pragma once

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::x86_64 {

// Writes the tables at their places in the layout, and maps the memory up to `mapped_end`. Kernels before 0.10
// (`is_legacy`) need the whole GiB around the tables mapped. Precondition: the memory there is zero. Fails with
// configuration.
[[nodiscard]] auto write_boot_tables(const GuestMemory& memory, const MemoryLayout& layout, GuestAddress mapped_end,
                                     bool is_legacy) -> Result<void>;

}  // namespace hermitage::vmm::x86_64
