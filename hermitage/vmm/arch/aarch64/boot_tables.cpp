#include "hermitage/vmm/arch/aarch64/boot_tables.hpp"

#include <algorithm>

#include "hermitage/vmm/arch/aarch64/page_tables.hpp"

namespace hermitage::vmm::aarch64 {
namespace {

constexpr std::uint64_t kFirstTables = 8 * kPageSize;  // in bytes, for the smallest mapping

}  // namespace

auto write_boot_tables(const GuestMemory& memory, const MemoryLayout& layout, GuestAddress mapped_end,
                       bool /*is_legacy*/) -> Result<void> {
  // The tables are adjacent, so the host provides them in one call.
  memory.populate({layout.page_map, layout.page_map + kFirstTables});
  const GuestAddress guard{(layout.boot_stack.value - kPageSize) & ~(kPageSize - 1)};
  const GuestRange tables{layout.page_tables.start, std::min(layout.page_tables.end, guard)};
  TableWriter writer{memory, layout.page_map, tables};
  const bool fits = writer.map(kHypercallPages, MemoryKind::device) &&
                    writer.map({layout.memory.start, guard}, MemoryKind::normal) &&
                    writer.map({guard + kPageSize, mapped_end}, MemoryKind::normal) && writer.map_itself();
  if (fits) return {};
  return fail(ErrorCode::configuration, "the kernel and its image need more memory than the boot page tables can map");
}

}  // namespace hermitage::vmm::aarch64
