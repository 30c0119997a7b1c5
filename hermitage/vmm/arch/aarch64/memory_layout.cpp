#include "hermitage/vmm/arch/aarch64/memory_layout.hpp"

namespace hermitage::vmm::aarch64 {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

}  // namespace

auto memory_bounds(entry::UhyveInterfaceVersion interface) noexcept -> GuestRange {
  if (interface.value == 1) return {{256 * kMiB}, {4 * kGiB}};
  return {{4 * kGiB}, {64 * kGiB}};
}

auto plan_memory(const MemoryNeeds& needs, std::optional<std::uint64_t> random) -> Result<MemoryLayout> {
  return vmm::plan_memory(needs, memory_bounds(needs.interface), random);
}

}  // namespace hermitage::vmm::aarch64
