// Machines with SBI.
#pragma once

#include <string_view>

#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader::riscv64 {

// Finds out how to write to the console. What the firmware lacks that kernels need; empty: nothing.
auto set_up_machine() noexcept -> std::string_view;

// Where QEMU's device for ending with a status is ("sifive,test0"), if there is one.
void set_test_device(GuestAddress address) noexcept;

}  // namespace hermitage::loader::riscv64
