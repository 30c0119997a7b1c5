// The layout of a loaded kernel in memory: the data of the drawn maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "hermitage/inspect/report.hpp"

namespace hermitage::inspect {

// One loaded segment. Offsets and sizes are in bytes; offsets are relative to the beginning of the loaded kernel.
struct MapRegion {
  std::size_t segment = 0;  // index of its program header
  std::uint32_t flags = 0;
  std::uint64_t offset = 0;
  std::uint64_t file_size = 0;  // bytes from the file
  std::uint64_t size = 0;       // includes the zeros at the end; at least 1
};

struct MemoryMap {
  std::uint64_t base = 0;  // address of the first byte, as linked
  std::uint64_t size = 0;  // at least 1
  std::vector<MapRegion> regions;
  std::optional<std::uint64_t> entry;  // offset of the entry point
  std::optional<MapRegion> tls;        // the TLS template, if it is in the loaded kernel
};

// Returns nothing if there is nothing to draw. Omits segments outside of the loaded kernel, which a malformed file
// can have.
[[nodiscard]] auto make_memory_map(const Report& report) -> std::optional<MemoryMap>;

}  // namespace hermitage::inspect
