// Maps the registers of devices: a monitor or a boot loader maps only memory.
#pragma once

#include <cstdint>

namespace guest {

// Maps the range [address, address + size) to the same physical addresses, uncached. Does not change mapped pages.
// Ends the guest if there is no memory for page tables.
void map_device(std::uint64_t address, std::uint64_t size);

}  // namespace guest
