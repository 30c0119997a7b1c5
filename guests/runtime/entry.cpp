// The entry point of all guests but `smp`, which has its own.
#include "hermitage/kernel/entry.hpp"

HERMITAGE_DEFINE_ENTRY(guest_start);
