// KVM on aarch64.
#include "hermitage/vmm/kvm/kvm.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "hermitage/vmm/kvm/advice.hpp"
#include "hermitage/vmm/kvm/call.hpp"

namespace hermitage::vmm::kvm {
namespace {

// The addresses of a guest, which are below 64 GiB.
constexpr int kAddressBits = 36;
constexpr int kDefaultAddressBits = 40;  // of hosts that do not report a number

constexpr std::array<Capability, 4> kNeeded{{{KVM_CAP_USER_MEMORY, "user memory"},
                                             {KVM_CAP_ONE_REG, "access to registers"},
                                             {KVM_CAP_DEVICE_CTRL, "interrupt controllers"},
                                             {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"}}};
constexpr std::array<Capability, 1> kUseful{{{KVM_CAP_ARM_NISV_TO_USER, "reports of accesses that it cannot decode"}}};

auto address_bits(const Kvm& kvm) -> int {
  const int bits = kvm.extension(KVM_CAP_ARM_VM_IPA_SIZE);
  return bits > 0 ? bits : kDefaultAddressBits;
}

}  // namespace

auto how_to_get_kvm() noexcept -> const char* {
  return "use a kernel with KVM that the firmware starts at exception level 2; a virtual machine needs nested "
         "virtualization";
}

auto Kvm::vm_type() const noexcept -> unsigned long {
  const int bits = extension(KVM_CAP_ARM_VM_IPA_SIZE);
  return bits > 0 ? KVM_VM_TYPE_ARM_IPA_SIZE(static_cast<unsigned long>(std::min(bits, kAddressBits))) : 0;
}

auto Kvm::check_memory(GuestRange memory) const -> Result<void> {
  const int bits = address_bits(*this);
  if (memory.end.value <= std::uint64_t{1} << bits) return {};
  return fail(
      ErrorCode::kvm_failed,
      fmt::format("KVM_CAP_ARM_VM_IPA_SIZE: the guest memory ends at {:#x}, but guests on this host have only {} "
                  "address bits; use --no-aslr, a smaller --memory-size, or another host",
                  memory.end.value, bits));
}

// Power management calls (PSCI), with which a kernel can switch its machine off. No performance counters: Hermit uses
// none under a monitor.
auto Kvm::supported_features(const Vm& vm) const -> Result<Features> {
  Features features{};
  const Descriptor& descriptor = vm.descriptor_;
  if (auto got = call(descriptor, KVM_ARM_PREFERRED_TARGET, &features.init, "KVM_ARM_PREFERRED_TARGET"); !got) {
    return std::unexpected{got.error()};
  }
  features.init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
  return features;
}

auto Kvm::state_registers() const -> Result<StateRegisters> {
  return StateRegisters{};
}

auto Kvm::can_sync_registers() const noexcept -> bool {
  return false;
}

auto Kvm::needed_capabilities() noexcept -> std::span<const Capability> {
  return kNeeded;
}

auto Kvm::useful_capabilities() noexcept -> std::span<const Capability> {
  return kUseful;
}

}  // namespace hermitage::vmm::kvm
