// The console: a PL011, as QEMU's machine `virt` has it.
#pragma once

#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader::aarch64 {

// Where its registers are, and are mapped.
void set_console(GuestAddress address) noexcept;

}  // namespace hermitage::loader::aarch64
