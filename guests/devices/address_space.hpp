// Makes devices' registers reachable: a monitor or a boot loader maps memory only.
#pragma once

#include <cstdint>

namespace guest {

// Maps the range [address, address + size) to the same physical addresses, uncached. Pages that are mapped already do
// not change. Ends the guest when no memory is left for page tables.
void map_device(std::uint64_t address, std::uint64_t size);

}  // namespace guest
