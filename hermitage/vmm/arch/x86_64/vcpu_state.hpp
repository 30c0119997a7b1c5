// The state of an x86_64 vCPU when it enters a kernel, and its registers for later inspection.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::x86_64 {

inline constexpr std::uint64_t kControl0Protection = 1 << 0;
inline constexpr std::uint64_t kControl0ExtensionType = 1 << 4;
inline constexpr std::uint64_t kControl0NumericError = 1 << 5;
inline constexpr std::uint64_t kControl0Paging = std::uint64_t{1} << 31;
inline constexpr std::uint64_t kControl4PhysicalAddressExtension = 1 << 5;
inline constexpr std::uint64_t kControl4FiveLevels = 1 << 12;
inline constexpr std::uint64_t kEferLongMode = 1 << 8;
inline constexpr std::uint64_t kEferLongModeActive = 1 << 10;
inline constexpr std::uint64_t kEferNoExecute = 1 << 11;

// The three descriptors with which a kernel is entered: null, code (selector 0x08), data (selector 0x10).
inline constexpr std::uint16_t kCodeSelector = 0x08;
inline constexpr std::uint16_t kDataSelector = 0x10;
inline constexpr std::array<std::uint64_t, 3> kDescriptorTable{0, 0x00af'9b00'0000'ffff, 0x00cf'9300'0000'ffff};

// 64-bit mode, paging on, interrupts off: Uhyve enters its kernels in this state on every vCPU.
struct EntryState {
  std::uint64_t rip = 0;
  std::uint64_t rdi = 0;  // the boot info
  std::uint64_t rsi = 0;  // the number of the vCPU
  std::uint64_t rsp = 0;  // the boot stack, which belongs to the first vCPU
  std::uint64_t cr3 = 0;
  std::uint64_t gdt = 0;
};

[[nodiscard]] inline auto entry_state(const MemoryLayout& layout, GuestAddress entry_point,
                                      std::uint32_t number) noexcept -> EntryState {
  return {.rip = entry_point.value,
          .rdi = layout.boot_info.value,
          .rsi = number,
          .rsp = layout.boot_stack.value,
          .cr3 = layout.page_map.value,
          .gdt = descriptor_table(layout).value};
}

struct Registers {
  std::uint64_t rax = 0, rbx = 0, rcx = 0, rdx = 0, rsi = 0, rdi = 0, rsp = 0, rbp = 0;
  std::uint64_t r8 = 0, r9 = 0, r10 = 0, r11 = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
  std::uint64_t rip = 0, rflags = 0;
  std::uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, efer = 0;

  friend auto operator==(const Registers&, const Registers&) -> bool = default;
};

[[nodiscard]] inline auto stack_pointer(const Registers& registers) noexcept -> std::uint64_t {
  return registers.rsp;
}

// How a vCPU translates addresses when it enters a kernel.
[[nodiscard]] inline auto boot_paging(const MemoryLayout& layout) noexcept -> PagingState {
  return {.page_map = layout.page_map, .levels = 4};
}

// How a vCPU with these registers translates addresses. Nothing if it does not have 64-bit page tables.
[[nodiscard]] inline auto paging_of(const Registers& registers) noexcept -> std::optional<PagingState> {
  constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
  if ((registers.cr0 & kControl0Paging) == 0 || (registers.efer & kEferLongModeActive) == 0) return std::nullopt;
  return PagingState{.page_map = {registers.cr3 & kAddressMask},
                     .levels = (registers.cr4 & kControl4FiveLevels) != 0 ? 5 : 4};
}

}  // namespace hermitage::vmm::x86_64
