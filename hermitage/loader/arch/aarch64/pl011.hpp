// The console: a PL011, as on QEMU's machine `virt`.
#pragma once

#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader::aarch64 {

// The identity-mapped address of its registers.
void set_console(GuestAddress address) noexcept;

}  // namespace hermitage::loader::aarch64
