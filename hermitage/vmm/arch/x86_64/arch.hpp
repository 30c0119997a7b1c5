// x86_64 as the architecture of a guest.
#pragma once

#include <string_view>

#include "hermitage/entry/arch.hpp"
#include "hermitage/vmm/arch/x86_64/boot_tables.hpp"
#include "hermitage/vmm/arch/x86_64/debug_state.hpp"
#include "hermitage/vmm/arch/x86_64/device_nodes.hpp"
#include "hermitage/vmm/arch/x86_64/limits.hpp"
#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/arch/x86_64/register_text.hpp"
#include "hermitage/vmm/arch/x86_64/stack.hpp"
#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"
#include "hermitage/vmm/arch/x86_64/virtualization.hpp"

namespace hermitage::vmm::x86_64 {

inline constexpr auto kArch = entry::Arch::x86_64;
// The node of the device tree that contains the frequency of the time stamp counter.
inline constexpr std::string_view kCounterNode = "hermit,tsc";

}  // namespace hermitage::vmm::x86_64
