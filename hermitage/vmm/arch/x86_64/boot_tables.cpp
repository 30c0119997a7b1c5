#include "hermitage/vmm/arch/x86_64/boot_tables.hpp"

#include <algorithm>

#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/arch/x86_64/vcpu_state.hpp"

namespace hermitage::vmm::x86_64 {
namespace {

constexpr std::uint64_t kLegacyMapping = std::uint64_t{1} << 30;
constexpr std::uint64_t kFirstTables = 3 * kPageSize;  // in bytes, for the smallest mapping

}  // namespace

auto write_boot_tables(const GuestMemory& memory, const MemoryLayout& layout, GuestAddress mapped_end, bool is_legacy)
    -> Result<void> {
  const GuestAddress legacy_end{(layout.kernel.start.value / kLegacyMapping + 1) * kLegacyMapping};
  const auto end = is_legacy ? std::max(mapped_end, legacy_end) : mapped_end;
  // The tables are adjacent, so the host provides them in one call.
  memory.populate({layout.page_map, layout.page_map + kFirstTables});
  if (auto written = write_identity_map(memory, layout.page_map, layout.page_tables, {layout.memory.start, end});
      !written) {
    return written;
  }
  if (!memory.write(descriptor_table(layout), kDescriptorTable)) {
    return fail(ErrorCode::configuration, "the descriptor table is outside of the guest memory");
  }
  return {};
}

}  // namespace hermitage::vmm::x86_64
