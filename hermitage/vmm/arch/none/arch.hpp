// A fictitious architecture. The library is compiled with it (-DHERMITAGE_VMM_ARCH=none) to show that code outside the
// directories of an architecture needs only these declarations. They are the list of what a new architecture provides.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/entry/arch.hpp"
#include "hermitage/vmm/arch/frame_registers.hpp"
#include "hermitage/vmm/arch/mapped_range.hpp"
#include "hermitage/vmm/arch/memory_plan.hpp"
#include "hermitage/vmm/device_node.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/machine_shape.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::none {

inline constexpr auto kArch = entry::Arch::riscv64;
inline constexpr std::uint64_t kPageSize = 0x1000;
inline constexpr std::string_view kCounterNode = "none";

using vmm::MemoryLayout;
[[nodiscard]] auto plan_memory(const MemoryNeeds& needs, std::optional<std::uint64_t> random) -> Result<MemoryLayout>;

[[nodiscard]] auto check_limits(const MachineShape& shape) -> Result<void>;
[[nodiscard]] auto device_nodes(std::uint32_t cpu_count, bool has_pci) -> std::vector<DeviceNode>;
[[nodiscard]] auto can_virtualize() noexcept -> bool;

using vmm::MappedRange;
using vmm::Translation;
using vmm::VirtualAddress;
struct PagingState {};
[[nodiscard]] auto translate(const GuestMemory& memory, PagingState paging, VirtualAddress address) noexcept
    -> std::optional<Translation>;
[[nodiscard]] auto visit_mapped(const GuestMemory& memory, PagingState paging, std::uint64_t max_tables,
                                const std::function<bool(const MappedRange&)>& visit) -> bool;
[[nodiscard]] auto write_boot_tables(const GuestMemory& memory, const MemoryLayout& layout, GuestAddress mapped_end,
                                     bool is_legacy) -> Result<void>;

struct EntryState {};
struct Registers {};
[[nodiscard]] auto boot_paging(const MemoryLayout& layout) noexcept -> PagingState;
[[nodiscard]] auto stack_pointer(const Registers& registers) noexcept -> std::uint64_t;
[[nodiscard]] auto paging_of(const Registers& registers) noexcept -> std::optional<PagingState>;

inline constexpr std::string_view kProgramCounterName = "none";
[[nodiscard]] auto are_reset(const Registers& registers) noexcept -> bool;
[[nodiscard]] auto register_text(const Registers& registers, bool all) -> std::string;
[[nodiscard]] auto frame_registers(const Registers& registers) noexcept -> FrameRegisterValues;

inline constexpr std::size_t kHardwareBreakpoints = 1;
inline constexpr std::array kBreakpointInstruction{std::byte{0}};
struct DebugState {};
[[nodiscard]] auto program_counter(const DebugState& state) noexcept -> std::uint64_t;
[[nodiscard]] auto general_registers(const DebugState& state HERMITAGE_LIFETIMEBOUND) noexcept -> const Registers&;
[[nodiscard]] auto register_count() noexcept -> unsigned;
[[nodiscard]] auto register_size(unsigned number) noexcept -> std::size_t;
[[nodiscard]] auto register_name(unsigned number) noexcept -> std::string_view;
inline constexpr std::size_t kMaxRegisterSize = 16;
[[nodiscard]] auto read_register(const DebugState& state, unsigned number, std::span<std::byte> bytes) noexcept -> bool;
[[nodiscard]] auto write_register(DebugState& state, unsigned number, std::span<const std::byte> bytes) noexcept
    -> bool;
[[nodiscard]] auto target_description() -> std::string;
inline constexpr std::uint16_t kCoreMachine = 0;
using CoreRegisters = std::array<std::uint64_t, 1>;
[[nodiscard]] auto core_registers(const DebugState& state) noexcept -> CoreRegisters;
using CoreFloats = std::array<std::byte, 8>;
[[nodiscard]] auto core_floats(const DebugState& state) noexcept -> CoreFloats;

struct StackRegisters {
  std::uint64_t instruction = 0;
  std::uint64_t stack = 0;
  std::uint64_t frame = 0;
  std::uint64_t link = 0;
};
[[nodiscard]] auto stack_registers(const Registers& registers) noexcept -> StackRegisters;
struct Call {
  enum class Kind : std::uint8_t { none, direct, indirect };
  Kind kind = Kind::none;
  std::int32_t distance = 0;
};
inline constexpr std::size_t kMaxCallSize = 1;
[[nodiscard]] auto call_at_end(std::span<const std::byte> code) noexcept -> Call;

[[nodiscard]] auto entry_state(const MemoryLayout& layout, GuestAddress entry_point, std::uint32_t number) noexcept
    -> EntryState;

}  // namespace hermitage::vmm::none
