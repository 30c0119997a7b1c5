// Reads the Multiboot information from a memory with any bytes.
#include "hermitage/loader/platform/multiboot/multiboot.hpp"

#include <cstddef>
#include <cstdint>

#include "hermitage/loader/platform/fuzz_handover.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::loader;
  auto bytes = fuzzed_memory(data, size);
  fuzz_handover(bytes, read_multiboot);
  return 0;
}
