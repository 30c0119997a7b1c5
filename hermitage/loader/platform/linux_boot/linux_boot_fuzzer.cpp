// Reads the Linux boot parameters from a memory with any bytes.
#include "hermitage/loader/platform/linux_boot/linux_boot.hpp"

#include <cstddef>
#include <cstdint>

#include "hermitage/loader/platform/fuzz_handover.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::loader;
  constexpr std::size_t kBootParamsSize = 0x1000;
  auto bytes = fuzzed_memory(data, size, kBootParamsSize);
  // Sets the magic numbers, which the fuzzer would take long to find.
  hermitage::entry::write<std::uint16_t, hermitage::entry::Endian::little>(bytes, 0x1fe, 0xaa55);
  hermitage::entry::write<std::uint32_t, hermitage::entry::Endian::little>(bytes, 0x202, 0x53726448);
  fuzz_handover(bytes, read_linux_boot);
  return 0;
}
