#include "hermitage/inspect/memory_map.hpp"

#include <algorithm>

namespace hermitage::inspect {
namespace {

auto region_of(const entry::elf::Segment& segment, std::size_t index, std::uint64_t size, const MemoryMap& map)
    -> std::optional<MapRegion> {
  if (size == 0 || segment.vaddr < map.base) return std::nullopt;
  const auto offset = segment.vaddr - map.base;
  if (!entry::range_fits(offset, size, map.size)) return std::nullopt;
  return MapRegion{.segment = index,
                   .flags = segment.flags,
                   .offset = offset,
                   .file_size = std::min(segment.filesz, size),
                   .size = size};
}

}  // namespace

auto make_memory_map(const Report& report) -> std::optional<MemoryMap> {
  if (report.mem_size.value_or(0) == 0) return std::nullopt;
  MemoryMap map{.base = *report.first_vaddr, .size = *report.mem_size, .regions = {}, .entry = {}, .tls = {}};
  for (std::size_t index = 0; index < report.segments.size(); ++index) {
    const auto& segment = report.segments[index];
    if (segment.type == entry::elf::kSegmentLoad) {
      if (const auto region = region_of(segment, index, segment.memsz, map)) map.regions.push_back(*region);
    } else if (segment.type == entry::elf::kSegmentTls && !map.tls) {
      map.tls = region_of(segment, index, segment.filesz, map);
    }
  }
  if (*report.entry_point >= map.base && *report.entry_point - map.base < map.size) {
    map.entry = *report.entry_point - map.base;
  }
  return map;
}

}  // namespace hermitage::inspect
