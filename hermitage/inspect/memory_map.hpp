// What a loaded kernel looks like in memory: the model behind the drawn maps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "hermitage/inspect/report.hpp"

namespace hermitage::inspect {

// One loaded segment. Offsets and sizes are in bytes, offsets from the beginning of the image.
struct MapRegion {
  std::size_t segment = 0;  // its index among the program headers
  std::uint32_t flags = 0;
  std::uint64_t offset = 0;
  std::uint64_t file_size = 0;  // what comes from the file
  std::uint64_t size = 0;       // with the zeros behind it; at least 1
};

struct MemoryMap {
  std::uint64_t base = 0;  // the address of the image's first byte, as linked
  std::uint64_t size = 0;  // at least 1
  std::vector<MapRegion> regions;
  std::optional<std::uint64_t> entry;  // offset of the entry point
  std::optional<MapRegion> tls;        // the template of the thread-local storage, as far as it is in the image
};

// Nothing when there is no image to draw. A segment that does not lie in the image, as one of a broken file may
// not, is left out.
[[nodiscard]] auto make_memory_map(const Report& report) -> std::optional<MemoryMap>;

}  // namespace hermitage::inspect
