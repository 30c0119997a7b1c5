// KVM on x86_64.
#include "hermitage/vmm/kvm/kvm.hpp"

#include <array>

#include "hermitage/vmm/kvm/advice.hpp"
#include "hermitage/vmm/kvm/call.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, ListHeader);

constexpr std::array<Capability, 5> kNeeded{{{KVM_CAP_IRQCHIP, "interrupt controllers"},
                                             {KVM_CAP_USER_MEMORY, "user memory"},
                                             {KVM_CAP_READONLY_MEM, "read-only memory"},
                                             {KVM_CAP_X2APIC_API, "x2APIC"},
                                             {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"}}};
constexpr std::array<Capability, 3> kUseful{{{KVM_CAP_COALESCED_PIO, "coalesced port writes"},
                                             {KVM_CAP_SYNC_REGS, "registers in shared memory"},
                                             {KVM_CAP_GET_TSC_KHZ, "frequency of the time stamp counter"}}};

}  // namespace

auto how_to_get_kvm() noexcept -> const char* {
  return "load the module kvm_intel or kvm_amd, and enable virtualization in the firmware, or nested virtualization in "
         "the hypervisor";
}

auto Kvm::vm_type() const noexcept -> unsigned long {
  return 0;
}

auto Kvm::check_memory(GuestRange /*memory*/) const -> Result<void> {
  return {};
}

auto Kvm::supported_features(const Vm& /*vm*/) const -> Result<Features> {
  constexpr std::size_t kMaxEntries = 256;
  Features features{kMaxEntries};
  if (auto got = call(descriptor_, kGetSupportedCpuid, features.header(), "KVM_GET_SUPPORTED_CPUID"); !got) {
    return std::unexpected{got.error()};
  }
  return features;
}

auto Kvm::can_sync_registers() const noexcept -> bool {
  return (static_cast<unsigned>(extension(KVM_CAP_SYNC_REGS)) & KVM_SYNC_X86_REGS) != 0;
}

auto Kvm::needed_capabilities() noexcept -> std::span<const Capability> {
  return kNeeded;
}

auto Kvm::useful_capabilities() noexcept -> std::span<const Capability> {
  return kUseful;
}

}  // namespace hermitage::vmm::kvm
