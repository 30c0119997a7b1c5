// The entry point of guests that use only the boot CPU. Others use entry_all_cpus.cpp.
#include "hermitage/kernel/entry.hpp"

HERMITAGE_DEFINE_ENTRY(guest_start);
