// The entry point of guests that use the boot CPU only; the others have entry_all_cpus.cpp.
#include "hermitage/kernel/entry.hpp"

HERMITAGE_DEFINE_ENTRY(guest_start);
