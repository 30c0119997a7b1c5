// The shared interrupts of the GICv3. Devices use none: see arch/aarch64/limits.hpp.
#include "hermitage/vmm/kvm/line_routes.hpp"

namespace hermitage::vmm::kvm {

auto line_routes() -> std::vector<kvm_irq_routing_entry> {
  return {};
}

}  // namespace hermitage::vmm::kvm
