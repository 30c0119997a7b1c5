// The shared interrupts of the GICv3. KVM routes line N to number N, and no message replaces the routes: see
// devices/aarch64/platform.hpp.
#include "hermitage/vmm/kvm/line_routes.hpp"

namespace hermitage::vmm::kvm {

auto line_routes() -> std::vector<kvm_irq_routing_entry> {
  return {};
}

}  // namespace hermitage::vmm::kvm
