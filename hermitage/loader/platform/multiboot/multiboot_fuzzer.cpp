// Reads what a boot loader tells out of a memory of any bytes.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "hermitage/loader/platform/multiboot/multiboot.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::loader;
  // A copy of the size, so that the sanitizer sees a read behind it.
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(data[i]);
  constexpr GuestAddress kStart{0x1000};
  const PhysicalMemory memory{bytes, kStart};
  Handover handover;
  if (!read_multiboot(memory, kStart, handover)) return 0;
  // What it says of memory is ordered, and places in it are where it says.
  std::uint64_t last = 0;
  for (const auto range : handover.memory.ram()) {
    if (range.start.value < last || range.end <= range.start) __builtin_trap();
    last = range.end.value;
  }
  const auto place = handover.memory.find(0x1000, 0x1000, {{0}, {UINT64_MAX}});
  if (place && !handover.memory.is_free(*place)) __builtin_trap();
  std::uint64_t sum = 0;
  for (const char character : handover.command_line) sum += static_cast<unsigned char>(character);
  if (sum != 0 && handover.command_line.empty()) __builtin_trap();
  return 0;
}
