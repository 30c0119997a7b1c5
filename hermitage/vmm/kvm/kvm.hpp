// Linux's Kernel-based Virtual Machine: /dev/kvm, as far as this monitor needs it.
#pragma once

#include <linux/kvm.h>

#include <span>
#include <string_view>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/kvm/arch.hpp"
#include "hermitage/vmm/kvm/vm.hpp"

namespace hermitage::vmm::kvm {

// What KVM_CHECK_EXTENSION can be asked for, and what it is.
struct Capability {
  unsigned long number;
  std::string_view name;
};

class Kvm {
 public:
  // Fails with kvm_missing, kvm_permission or kvm_failed.
  [[nodiscard]] static auto open() -> Result<Kvm>;

  // KVM_CHECK_EXTENSION: 0 where KVM does not have it.
  [[nodiscard]] auto extension(unsigned long capability) const noexcept -> int;
  // How many vCPUs a guest can have.
  [[nodiscard]] auto max_vcpus() const noexcept -> unsigned;
  [[nodiscard]] auto create_vm() const -> Result<Vm>;

  // By the architecture.

  [[nodiscard]] auto supported_features() const -> Result<Features>;
  // Whether KVM can leave the general registers where we see them.
  [[nodiscard]] auto can_sync_registers() const noexcept -> bool;
  // Without which there is no guest, and which only make it quicker.
  [[nodiscard]] static auto needed_capabilities() noexcept -> std::span<const Capability>;
  [[nodiscard]] static auto useful_capabilities() noexcept -> std::span<const Capability>;

 private:
  explicit Kvm(Descriptor descriptor) noexcept : descriptor_{std::move(descriptor)} {}

  Descriptor descriptor_;
};

}  // namespace hermitage::vmm::kvm
