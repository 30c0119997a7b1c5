#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

#include <fmt/format.h>

namespace hermitage::vmm::aarch64 {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

constexpr std::uint64_t kDeviceTreeOffset = 0x1000;
constexpr std::uint64_t kBootInfoOffset = kDeviceTreeOffset + kDeviceTreeSize;
constexpr std::uint64_t kPageMapOffset = 0x10000;
constexpr std::uint64_t kPageTablesOffset = 0x11000;
constexpr std::uint64_t kKernelOffset = 0x40000;
// The last page before the stack is in no table: see write_boot_tables().
constexpr std::uint64_t kPageTablesEnd = kKernelOffset - kBootStackSize - kPageSize;

auto choose_base(GuestRange bounds, std::uint64_t memory_size, std::optional<std::uint64_t> random) -> GuestAddress {
  if (!random) return bounds.start;
  const auto places = (bounds.end.value - bounds.start.value - memory_size) / kPlaceSize + 1;
  return bounds.start + *random % places * kPlaceSize;
}

auto check_fixed_start(GuestAddress start, GuestAddress base, entry::UhyveInterfaceVersion interface) -> Result<void> {
  if (start.value >= base.value + kKernelOffset) return {};
  return fail(ErrorCode::image,
              fmt::format("the kernel is linked at {:#x}, but the memory of a guest with Uhyve interface {} begins at "
                          "{:#x}; link it at {:#x} or above, or relocatable",
                          start.value, interface.value, base.value, base.value + kKernelOffset));
}

}  // namespace

auto memory_bounds(entry::UhyveInterfaceVersion interface) noexcept -> GuestRange {
  if (interface.value == 1) return {{256 * kMiB}, {4 * kGiB}};
  return {{4 * kGiB}, {64 * kGiB}};
}

auto plan_memory(const Placement& placement, std::optional<std::uint64_t> random) -> Result<MemoryLayout> {
  const auto bounds = memory_bounds(placement.interface);
  const auto room = bounds.end.value - bounds.start.value;
  if (placement.memory_size > room) {
    return fail(ErrorCode::configuration,
                fmt::format("a guest with Uhyve interface {} can have at most {} MiB of memory",
                            placement.interface.value, room / kMiB));
  }

  const bool is_fixed = placement.kernel_start.has_value();
  const auto base = choose_base(bounds, placement.memory_size, is_fixed ? std::nullopt : random);
  const auto kernel_start = placement.kernel_start.value_or(base + kKernelOffset);
  if (const auto checked = check_fixed_start(kernel_start, base, placement.interface); !checked) {
    return std::unexpected{checked.error()};
  }
  const auto offset = kernel_start.value - base.value;
  if (offset > placement.memory_size || placement.kernel_size > placement.memory_size - offset) {
    std::uint64_t needed = 0;
    if (__builtin_add_overflow(offset, placement.kernel_size, &needed) || needed > room) {
      return fail(ErrorCode::image,
                  fmt::format("the kernel needs {} bytes of memory from {:#x}, more than a guest can have",
                              placement.kernel_size, kernel_start.value));
    }
    return fail(ErrorCode::configuration,
                fmt::format("the kernel needs at least {} MiB of memory; increase --memory-size",
                            (needed + kPlaceSize - 1) / kPlaceSize * 2));
  }

  return MemoryLayout{.memory = {base, base + placement.memory_size},
                      .device_tree = base + kDeviceTreeOffset,
                      .boot_info = base + kBootInfoOffset,
                      .page_map = base + kPageMapOffset,
                      .page_tables = {base + kPageTablesOffset, base + kPageTablesEnd},
                      .boot_stack = {kernel_start.value - kBootStackSize},
                      .kernel = {kernel_start, kernel_start + placement.kernel_size}};
}

}  // namespace hermitage::vmm::aarch64
