// The state of an aarch64 vCPU when it enters a kernel, and its registers for later inspection.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"
#include "hermitage/vmm/arch/aarch64/page_tables.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::aarch64 {

// The values of system registers with which Uhyve enters its kernels: Arm Architecture Reference Manual, D19.2.
inline constexpr std::uint64_t kEntryState = 0x3c5;                 // PSTATE: EL1 with its own stack, no interrupts
inline constexpr std::uint64_t kSystemControl = 0x4d5'd91d;         // SCTLR_EL1: translation and caches on
inline constexpr std::uint64_t kTranslationOn = 1 << 0;             // SCTLR_EL1.M
inline constexpr std::uint64_t kBigEndian = 1 << 25;                // SCTLR_EL1.EE
inline constexpr std::uint64_t kMemoryAttributes = 0xff'440c'0400;  // MAIR_EL1: device memory is 0, normal memory 4
inline constexpr std::uint64_t kFloatsEnabled = 3 << 20;            // CPACR_EL1
// TCR_EL1: 48 bits, 4 KiB, write-back, inner shareable. The size of physical addresses (IPS) is that of the CPU.
inline constexpr std::uint64_t kTranslationControl = 0x3510'3510;
inline constexpr unsigned kPhysicalSizeShift = 32;
inline constexpr std::uint64_t kMaxPhysicalSize = 5;  // 48 bits

// On every vCPU.
struct EntryState {
  std::uint64_t pc = 0;
  std::uint64_t x0 = 0;  // the boot info
  std::uint64_t x1 = 0;  // the number of the vCPU
  std::uint64_t sp = 0;  // the boot stack, which belongs to the first vCPU
  std::uint64_t ttbr0 = 0;
};

[[nodiscard]] inline auto entry_state(const MemoryLayout& layout, GuestAddress entry_point,
                                      std::uint32_t number) noexcept -> EntryState {
  return {.pc = entry_point.value,
          .x0 = layout.boot_info.value,
          .x1 = number,
          .sp = layout.boot_stack.value,
          .ttbr0 = layout.page_map.value};
}

struct Registers {
  std::array<std::uint64_t, 31> x = {};
  std::uint64_t sp = 0;  // of EL1
  std::uint64_t pc = 0;
  std::uint64_t pstate = 0;
  // The last exception that the kernel took: where (ELR), why (ESR), at which address (FAR), from which state (SPSR).
  std::uint64_t elr = 0, esr = 0, far = 0, spsr = 0;
  std::uint64_t sctlr = 0, ttbr0 = 0, ttbr1 = 0, tcr = 0, mair = 0, vbar = 0;

  friend auto operator==(const Registers&, const Registers&) -> bool = default;
};

[[nodiscard]] inline auto stack_pointer(const Registers& registers) noexcept -> std::uint64_t {
  return registers.sp;
}

// How a vCPU translates addresses when it enters a kernel.
[[nodiscard]] inline auto boot_paging(const MemoryLayout& layout) noexcept -> PagingState {
  return {.page_map = layout.page_map};
}

// The table in the value of TTBR0_EL1, which also has an identifier and a flag.
[[nodiscard]] inline auto paging_at(std::uint64_t ttbr0) noexcept -> PagingState {
  constexpr std::uint64_t kAddressMask = 0x0000'ffff'ffff'f000;
  return {.page_map = {ttbr0 & kAddressMask}};
}

// How a vCPU with these registers translates addresses. Nothing if translation is off.
[[nodiscard]] inline auto paging_of(const Registers& registers) noexcept -> std::optional<PagingState> {
  if ((registers.sctlr & kTranslationOn) == 0) return std::nullopt;
  return paging_at(registers.ttbr0);
}

}  // namespace hermitage::vmm::aarch64
