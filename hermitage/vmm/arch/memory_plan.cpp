#include "hermitage/vmm/arch/memory_plan.hpp"

#include <string>

#include <fmt/format.h>

namespace hermitage::vmm {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

constexpr std::uint64_t kDeviceTreeOffset = 0x1000;
constexpr std::uint64_t kBootInfoOffset = kDeviceTreeOffset + kDeviceTreeSize;
constexpr std::uint64_t kPageMapOffset = 0x10000;
constexpr std::uint64_t kPageTablesOffset = 0x11000;
constexpr std::uint64_t kKernelOffset = 0x40000;
constexpr std::uint64_t kPageTablesEnd = kKernelOffset - kBootStackSize;

// A multiple of 1 MiB, in the largest unit.
auto text_of_size(std::uint64_t size) -> std::string {
  return size % kGiB == 0 ? fmt::format("{} GiB", size / kGiB) : fmt::format("{} MiB", size / kMiB);
}

auto choose_base(GuestRange bounds, std::uint64_t memory_size, std::optional<std::uint64_t> random) -> GuestAddress {
  if (!random) return bounds.start;
  const auto places = (bounds.end.value - bounds.start.value - memory_size) / kPlaceSize + 1;
  return bounds.start + *random % places * kPlaceSize;
}

auto check_fixed_start(GuestAddress start, GuestAddress base, entry::UhyveInterfaceVersion interface) -> Result<void> {
  const auto lowest = base + kKernelOffset;
  if (start >= lowest) return {};
  if (start >= base) {
    return fail(ErrorCode::image,
                fmt::format("the kernel is linked at {:#x}, where the monitor places its tables; link it at {:#x} or "
                            "above, or relocatable",
                            start.value, lowest.value));
  }
  return fail(ErrorCode::image,
              fmt::format("the kernel is linked at {:#x}, but the memory of a guest with Uhyve interface {} begins at "
                          "{:#x} ({}); link it at {:#x} or above, or relocatable",
                          start.value, interface.value, base.value, text_of_size(base.value), lowest.value));
}

// Why a kernel at this offset does not fit into the memory. `room`: the size of the largest memory, in bytes.
auto does_not_fit(GuestAddress kernel_start, std::uint64_t offset, std::uint64_t kernel_size, std::uint64_t room)
    -> std::unexpected<Error> {
  std::uint64_t needed = 0;
  if (__builtin_add_overflow(offset, kernel_size, &needed) || needed > room) {
    return fail(ErrorCode::image, fmt::format("the kernel needs {} bytes of memory from {:#x}, more than a guest can "
                                              "have",
                                              kernel_size, kernel_start.value));
  }
  return fail(ErrorCode::configuration,
              fmt::format("the kernel needs at least {} MiB of memory; increase --memory-size",
                          (needed + kPlaceSize - 1) / kPlaceSize * (kPlaceSize / kMiB)));
}

}  // namespace

auto plan_memory(const MemoryNeeds& needs, GuestRange bounds, std::optional<std::uint64_t> random)
    -> Result<MemoryLayout> {
  const auto room = bounds.end.value - bounds.start.value;
  if (needs.memory_size > room) {
    return fail(ErrorCode::configuration, fmt::format("a guest with Uhyve interface {} can have at most {} of memory",
                                                      needs.interface.value, text_of_size(room)));
  }

  const bool is_fixed = needs.kernel_start.has_value();
  const auto base = choose_base(bounds, needs.memory_size, is_fixed ? std::nullopt : random);
  const auto kernel_start = needs.kernel_start.value_or(base + kKernelOffset);
  if (const auto checked = check_fixed_start(kernel_start, base, needs.interface); !checked) {
    return std::unexpected{checked.error()};
  }
  const auto offset = kernel_start.value - base.value;
  if (offset > needs.memory_size || needs.kernel_size > needs.memory_size - offset) {
    return does_not_fit(kernel_start, offset, needs.kernel_size, room);
  }

  return MemoryLayout{.memory = {base, base + needs.memory_size},
                      .device_tree = base + kDeviceTreeOffset,
                      .boot_info = base + kBootInfoOffset,
                      .page_map = base + kPageMapOffset,
                      .page_tables = {base + kPageTablesOffset, base + kPageTablesEnd},
                      .boot_stack = {kernel_start.value - kBootStackSize},
                      .kernel = {kernel_start, kernel_start + needs.kernel_size}};
}

}  // namespace hermitage::vmm
