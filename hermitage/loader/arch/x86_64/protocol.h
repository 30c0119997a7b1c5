// The boot protocols of the loader; for C++ and assembly.
#pragma once

#define PROTOCOL_MULTIBOOT 0
#define PROTOCOL_PVH 1
#define PROTOCOL_LINUX 2
