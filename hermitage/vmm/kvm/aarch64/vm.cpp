// The aarch64 parts of a virtual machine.
#include "hermitage/vmm/kvm/vm.hpp"

#include <linux/kvm.h>

#include <cerrno>
#include <utility>

#include <sys/ioctl.h>

#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"
#include "hermitage/vmm/kvm/call.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"

namespace hermitage::vmm::kvm {
namespace {

auto set_address(const Descriptor& controller, std::uint64_t kind, GuestAddress address) -> Result<void> {
  kvm_device_attr attribute{};
  attribute.group = KVM_DEV_ARM_VGIC_GRP_ADDR;
  attribute.attr = kind;
  attribute.addr = reinterpret_cast<std::uint64_t>(&address.value);
  return call(controller, KVM_SET_DEVICE_ATTR, &attribute, "KVM_SET_DEVICE_ATTR (address of the GICv3)");
}

auto create_controller(const Descriptor& vm) -> Result<Descriptor> {
  kvm_create_device request{};
  request.type = KVM_DEV_TYPE_ARM_VGIC_V3;
  if (::ioctl(vm.get(), KVM_CREATE_DEVICE, &request) == 0) return Descriptor{static_cast<int>(request.fd)};
  if (errno != ENODEV) return call_failed("KVM_CREATE_DEVICE (GICv3)");
  return fail(
      ErrorCode::kvm_failed,
      "KVM_CREATE_DEVICE (GICv3): the interrupt controller of this host is older than GICv3, which Hermit kernels "
      "need");
}

auto no_snapshots() -> std::unexpected<Error> {
  return fail(ErrorCode::configuration, "the monitor has no snapshots of aarch64 guests");
}

}  // namespace

auto Vm::create_devices(const Kvm& kvm, VmOptions /*options*/) -> Result<void> {
  // Otherwise an access that KVM cannot decode is a failure without its address. Not all hosts can.
  kvm_enable_cap undecoded{};
  undecoded.cap = KVM_CAP_ARM_NISV_TO_USER;
  if (kvm.extension(undecoded.cap) != 0) ::ioctl(descriptor_.get(), KVM_ENABLE_CAP, &undecoded);
  auto controller = create_controller(descriptor_);
  if (!controller) return std::unexpected{controller.error()};
  if (auto set = set_address(*controller, KVM_VGIC_V3_ADDR_TYPE_DIST, aarch64::kDistributor); !set) return set;
  if (auto set = set_address(*controller, KVM_VGIC_V3_ADDR_TYPE_REDIST, aarch64::kRedistributors); !set) return set;
  interrupt_controller_ = std::move(*controller);
  return {};
}

auto Vm::finish_devices() -> Result<void> {
  kvm_device_attr attribute{};
  attribute.group = KVM_DEV_ARM_VGIC_GRP_CTRL;
  attribute.attr = KVM_DEV_ARM_VGIC_CTRL_INIT;
  return call(interrupt_controller_, KVM_SET_DEVICE_ATTR, &attribute, "KVM_SET_DEVICE_ATTR (start of the GICv3)");
}

auto Vm::save_state(bool /*has_timer*/) const -> Result<State> {
  return no_snapshots();
}

auto Vm::restore_state(std::span<const StatePart> /*state*/, bool /*has_timer*/) -> Result<void> {
  return no_snapshots();
}

auto Vcpu::save_state(const StateRegisters& /*registers*/) const -> Result<State> {
  return no_snapshots();
}

auto Vcpu::restore_state(std::span<const StatePart> /*state*/, Features* /*host*/, std::uint32_t /*number*/)
    -> Result<void> {
  return no_snapshots();
}

}  // namespace hermitage::vmm::kvm
