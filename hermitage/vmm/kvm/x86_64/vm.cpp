// The x86_64 parts of a virtual machine.
#include "hermitage/vmm/kvm/vm.hpp"

#include <linux/kvm.h>

#include "hermitage/vmm/kvm/call.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"

namespace hermitage::vmm::kvm {

auto Vm::create_devices(const Kvm& kvm, VmOptions options) -> Result<void> {
  if (auto made = call(descriptor_, KVM_CREATE_IRQCHIP, 0UL, "KVM_CREATE_IRQCHIP"); !made) {
    return std::unexpected{made.error()};
  }
  if (options.timer) {
    kvm_pit_config timer{};
    if (auto made = call(descriptor_, KVM_CREATE_PIT2, &timer, "KVM_CREATE_PIT2 (--pit)"); !made) return made;
  }
  kvm_enable_cap x2apic{};
  x2apic.cap = KVM_CAP_X2APIC_API;
  x2apic.args[0] = KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
  if (auto set = call(descriptor_, KVM_ENABLE_CAP, &x2apic, "KVM_ENABLE_CAP (x2APIC)"); !set) return set;
  if (!options.manages_power) return {};
  kvm_enable_cap exits{};
  exits.cap = KVM_CAP_X86_DISABLE_EXITS;
  exits.args[0] = static_cast<std::uint64_t>(kvm.extension(KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_VALID_EXITS);
  return call(descriptor_, KVM_ENABLE_CAP, &exits, "KVM_ENABLE_CAP (--cpu-pm)");
}

auto Vm::finish_devices() -> Result<void> {
  return {};
}

}  // namespace hermitage::vmm::kvm
