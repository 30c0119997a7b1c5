#include "hermitage/guest/memory_size.hpp"

#include <fmt/format.h>

namespace hermitage::guest {

auto check_memory_size(std::uint64_t size) -> std::expected<void, std::string> {
  if (size < kLeastMemory) {
    return std::unexpected{fmt::format("a guest needs at least {} MiB of memory", kLeastMemory >> 20)};
  }
  if (size % kMemoryUnit != 0) {
    return std::unexpected{fmt::format("{} bytes of memory are no multiple of 2 MiB; the next one is {} MiB", size,
                                       (size / kMemoryUnit + 1) * (kMemoryUnit >> 20))};
  }
  return {};
}

}  // namespace hermitage::guest
