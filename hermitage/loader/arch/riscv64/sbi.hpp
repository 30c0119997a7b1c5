// Machines with SBI.
#pragma once

#include <string_view>

#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader::riscv64 {

// Selects the SBI call for console output. Returns a description of features that the firmware lacks and kernels
// need, or an empty string.
auto set_up_machine() noexcept -> std::string_view;

// The address of QEMU's device for the exit status ("sifive,test0"), if present.
void set_test_device(GuestAddress address) noexcept;

}  // namespace hermitage::loader::riscv64
