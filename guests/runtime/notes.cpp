// Compiled once for each interface. Guests of different interfaces differ only in this file.
#include "hermitage/kernel/notes.h"

#include "guests/runtime/guest.hpp"

HERMITAGE_DEFINE_ENTRY_VERSION();
HERMITAGE_DEFINE_ABI_TAG(0, 10 + GUEST_INTERFACE, 0);
HERMITAGE_DEFINE_UHYVE_INTERFACE(GUEST_INTERFACE);

constexpr std::uint32_t guest::interface = GUEST_INTERFACE;
