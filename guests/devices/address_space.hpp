// Makes devices' registers reachable: a monitor or a boot loader maps memory only.
#pragma once

#include <cstdint>

namespace guest {

// Maps [address, address + size) one to one, uncached. What is mapped already stays as it is. Ends the guest when there
// is no room for the tables.
void map_device(std::uint64_t address, std::uint64_t size);

}  // namespace guest
