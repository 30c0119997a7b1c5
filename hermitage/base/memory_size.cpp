#include "hermitage/base/memory_size.hpp"

#include <string>

namespace hermitage::base {

auto check_memory_size(std::uint64_t size) -> OrInvalid<void> {
  if (size < kLeastMemory) {
    return invalid(InvalidValue::Code::memory_size,
                   "a guest needs at least " + std::to_string(kLeastMemory >> 20) + " MiB of memory");
  }
  if (size % kMemoryUnit != 0) {
    return invalid(InvalidValue::Code::memory_size,
                   std::to_string(size) + " bytes of memory are not a multiple of 2 MiB; the next multiple is " +
                       std::to_string((size / kMemoryUnit + 1) * (kMemoryUnit >> 20)) + " MiB");
  }
  return {};
}

}  // namespace hermitage::base
