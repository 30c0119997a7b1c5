// The registers of a vCPU, which KVM reads and writes one by one.
#pragma once

#include <linux/kvm.h>

#include <cstddef>
#include <cstdint>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::kvm {

// Numbers for KVM_GET_ONE_REG and KVM_SET_ONE_REG: Linux, Documentation/virt/kvm/api.rst.
using RegisterNumber = std::uint64_t;

// A register of kvm_regs, at this offset in bytes.
[[nodiscard]] constexpr auto core_register(std::size_t offset, std::uint64_t size) noexcept -> RegisterNumber {
  return KVM_REG_ARM64 | size | KVM_REG_ARM_CORE | offset / sizeof(std::uint32_t);
}
[[nodiscard]] constexpr auto general_register(std::size_t number) noexcept -> RegisterNumber {
  return core_register(offsetof(kvm_regs, regs) + number * sizeof(std::uint64_t), KVM_REG_SIZE_U64);
}
[[nodiscard]] constexpr auto vector_register(std::size_t number) noexcept -> RegisterNumber {
  constexpr std::size_t kSize = 16;
  return core_register(offsetof(kvm_regs, fp_regs) + number * kSize, KVM_REG_SIZE_U128);
}
[[nodiscard]] constexpr auto system_register(unsigned op0, unsigned op1, unsigned crn, unsigned crm,
                                             unsigned op2) noexcept -> RegisterNumber {
  return KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG |
         std::uint64_t{op0} << KVM_REG_ARM64_SYSREG_OP0_SHIFT | std::uint64_t{op1} << KVM_REG_ARM64_SYSREG_OP1_SHIFT |
         std::uint64_t{crn} << KVM_REG_ARM64_SYSREG_CRN_SHIFT | std::uint64_t{crm} << KVM_REG_ARM64_SYSREG_CRM_SHIFT |
         std::uint64_t{op2} << KVM_REG_ARM64_SYSREG_OP2_SHIFT;
}

inline constexpr auto kStackPointer = core_register(offsetof(kvm_regs, sp_el1), KVM_REG_SIZE_U64);
inline constexpr auto kProgramCounter =
    core_register(offsetof(kvm_regs, regs) + offsetof(user_pt_regs, pc), KVM_REG_SIZE_U64);
inline constexpr auto kProcessorState =
    core_register(offsetof(kvm_regs, regs) + offsetof(user_pt_regs, pstate), KVM_REG_SIZE_U64);
inline constexpr auto kExceptionLink = core_register(offsetof(kvm_regs, elr_el1), KVM_REG_SIZE_U64);
inline constexpr auto kSavedState = core_register(offsetof(kvm_regs, spsr), KVM_REG_SIZE_U64);
inline constexpr auto kFloatStatus =
    core_register(offsetof(kvm_regs, fp_regs) + offsetof(user_fpsimd_state, fpsr), KVM_REG_SIZE_U32);
inline constexpr auto kFloatControl =
    core_register(offsetof(kvm_regs, fp_regs) + offsetof(user_fpsimd_state, fpcr), KVM_REG_SIZE_U32);

// All of EL1: Arm Architecture Reference Manual, D19.2.
inline constexpr auto kDebugControl = system_register(2, 0, 0, 2, 2);        // MDSCR
inline constexpr auto kMemoryFeatures = system_register(3, 0, 0, 7, 0);      // ID_AA64MMFR0
inline constexpr auto kSystemControl = system_register(3, 0, 1, 0, 0);       // SCTLR
inline constexpr auto kFloatAccess = system_register(3, 0, 1, 0, 2);         // CPACR
inline constexpr auto kTables0 = system_register(3, 0, 2, 0, 0);             // TTBR0
inline constexpr auto kTables1 = system_register(3, 0, 2, 0, 1);             // TTBR1
inline constexpr auto kTranslationControl = system_register(3, 0, 2, 0, 2);  // TCR
inline constexpr auto kSyndrome = system_register(3, 0, 5, 2, 0);            // ESR
inline constexpr auto kFaultAddress = system_register(3, 0, 6, 0, 0);        // FAR
inline constexpr auto kMemoryAttributes = system_register(3, 0, 10, 2, 0);   // MAIR
inline constexpr auto kVectors = system_register(3, 0, 12, 0, 0);            // VBAR

// Copies a register of 32, 64 or 128 bits. Fails with kvm_failed.
[[nodiscard]] auto get_register(const Descriptor& vcpu, RegisterNumber number, void* value) -> Result<void>;
[[nodiscard]] auto set_register(const Descriptor& vcpu, RegisterNumber number, const void* value) -> Result<void>;
[[nodiscard]] auto set_register(const Descriptor& vcpu, RegisterNumber number, std::uint64_t value) -> Result<void>;

// A register of 64 bits; 0 if KVM does not report it.
[[nodiscard]] auto register_value(const Descriptor& vcpu, RegisterNumber number) noexcept -> std::uint64_t;

}  // namespace hermitage::vmm::kvm
