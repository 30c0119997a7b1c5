// aarch64 as the architecture of a guest.
#pragma once

#include <string_view>

#include "hermitage/entry/arch.hpp"
#include "hermitage/vmm/arch/aarch64/boot_tables.hpp"
#include "hermitage/vmm/arch/aarch64/debug_state.hpp"
#include "hermitage/vmm/arch/aarch64/device_nodes.hpp"
#include "hermitage/vmm/arch/aarch64/limits.hpp"
#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"
#include "hermitage/vmm/arch/aarch64/page_tables.hpp"
#include "hermitage/vmm/arch/aarch64/register_text.hpp"
#include "hermitage/vmm/arch/aarch64/stack.hpp"
#include "hermitage/vmm/arch/aarch64/vcpu_state.hpp"
#include "hermitage/vmm/arch/aarch64/virtualization.hpp"

namespace hermitage::vmm::aarch64 {

inline constexpr auto kArch = entry::Arch::aarch64;
// The guest reads the frequency of its counter from a register, so there is no node for it.
inline constexpr std::string_view kCounterNode = "";

}  // namespace hermitage::vmm::aarch64
