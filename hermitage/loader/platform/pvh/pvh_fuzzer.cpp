// Reads the PVH information from a memory with any bytes.
#include "hermitage/loader/platform/pvh/pvh.hpp"

#include <cstddef>
#include <cstdint>

#include "hermitage/loader/platform/fuzz_handover.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::loader;
  auto bytes = fuzzed_memory(data, size);
  // Sets the magic number, which the fuzzer would take long to find.
  if (size >= 4) hermitage::entry::write<std::uint32_t, hermitage::entry::Endian::little>(bytes, 0, 0x336ec578);
  fuzz_handover(bytes, read_pvh);
  return 0;
}
