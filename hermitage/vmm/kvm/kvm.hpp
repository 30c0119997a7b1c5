// Linux's Kernel-based Virtual Machine (/dev/kvm), as far as this monitor needs it.
#pragma once

#include <linux/kvm.h>

#include <span>
#include <string_view>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/arch.hpp"
#include "hermitage/vmm/kvm/vm.hpp"

namespace hermitage::vmm::kvm {

// A capability for KVM_CHECK_EXTENSION, and its name.
struct Capability {
  unsigned long number;
  std::string_view name;
};

class Kvm {
 public:
  // Opens /dev/kvm. Fails with kvm_missing, kvm_permission or kvm_failed.
  [[nodiscard]] static auto open() -> Result<Kvm>;
  // Uses a duplicate of a descriptor of /dev/kvm that this process has inherited; a negative number means open(). Fails
  // with configuration if it is not one.
  [[nodiscard]] static auto open(int inherited) -> Result<Kvm>;

  // KVM_CHECK_EXTENSION: 0 if KVM does not have the capability.
  [[nodiscard]] auto extension(unsigned long capability) const noexcept -> int;
  // The maximum number of vCPUs of a guest.
  [[nodiscard]] auto max_vcpus() const noexcept -> unsigned;
  [[nodiscard]] auto create_vm() const -> Result<Vm>;

  // Defined by the architecture.

  [[nodiscard]] auto supported_features(const Vm& vm) const -> Result<Features>;
  // Whether guests on this host can have this memory. Fails with kvm_failed.
  [[nodiscard]] auto check_memory(GuestRange memory) const -> Result<void>;
  // For Vcpu::save_state().
  [[nodiscard]] auto state_registers() const -> Result<StateRegisters>;
  // Whether KVM can copy the general registers to the shared pages at each exit.
  [[nodiscard]] auto can_sync_registers() const noexcept -> bool;
  // The capabilities that a guest requires, and those that only improve its speed.
  [[nodiscard]] static auto needed_capabilities() noexcept -> std::span<const Capability>;
  [[nodiscard]] static auto useful_capabilities() noexcept -> std::span<const Capability>;

 private:
  // Defined by the architecture: the parameter of KVM_CREATE_VM.
  [[nodiscard]] auto vm_type() const noexcept -> unsigned long;

  explicit Kvm(Descriptor descriptor) noexcept : descriptor_{std::move(descriptor)} {}

  Descriptor descriptor_;
};

}  // namespace hermitage::vmm::kvm
