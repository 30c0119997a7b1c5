// How the lines of the guest's interrupt controllers are reached, as KVM has it when it has made them.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

namespace hermitage::vmm::kvm {

// By the architecture: KVM_SET_GSI_ROUTING replaces all routes, so these have to be among those that are set.
[[nodiscard]] auto line_routes() -> std::vector<kvm_irq_routing_entry>;

// The first number that no line has, for messages.
inline constexpr std::uint32_t kFirstMessage = 24;

}  // namespace hermitage::vmm::kvm
