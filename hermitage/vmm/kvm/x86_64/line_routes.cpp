// The pins of the I/O APIC, and of the two i8259, which also have the pins of the old PC.
#include "hermitage/vmm/kvm/line_routes.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr std::uint32_t kPicPins = 8;  // each
constexpr std::uint32_t kLegacyPins = 2 * kPicPins;

auto route(std::uint32_t line, std::uint32_t controller, std::uint32_t pin) -> kvm_irq_routing_entry {
  kvm_irq_routing_entry entry{};
  entry.gsi = line;
  entry.type = KVM_IRQ_ROUTING_IRQCHIP;
  entry.u.irqchip.irqchip = controller;
  entry.u.irqchip.pin = pin;
  return entry;
}

}  // namespace

auto line_routes() -> std::vector<kvm_irq_routing_entry> {
  std::vector<kvm_irq_routing_entry> routes;
  routes.reserve(kFirstMessage + kLegacyPins);
  for (std::uint32_t line = 0; line < kFirstMessage; ++line) {
    routes.push_back(route(line, KVM_IRQCHIP_IOAPIC, line));
    if (line >= kLegacyPins) continue;
    const auto controller = line < kPicPins ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
    routes.push_back(route(line, static_cast<std::uint32_t>(controller), line % kPicPins));
  }
  return routes;
}

}  // namespace hermitage::vmm::kvm
