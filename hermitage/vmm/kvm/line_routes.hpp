// The routes to the lines of the guest's interrupt controllers, as KVM sets them up initially.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

namespace hermitage::vmm::kvm {

// Defined by the architecture. KVM_SET_GSI_ROUTING replaces all routes, so these must be among the new ones.
[[nodiscard]] auto line_routes() -> std::vector<kvm_irq_routing_entry>;

// The first number after the lines, for messages.
inline constexpr std::uint32_t kFirstMessage = 24;

}  // namespace hermitage::vmm::kvm
