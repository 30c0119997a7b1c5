// Values of system registers (Arm ARM, D19.2); for C++ and assembly.
#pragma once

// Memory attributes, with the indices that Hermit uses: 0 to 2 are devices (nGnRnE, nGnRE, GRE), 3 is memory that is
// not cached, 4 is memory.
#define MAIR 0xff440c0400

// 48-bit virtual addresses for both halves, pages of 4 KiB, page tables cached and inner shareable.
#define TCR_BASE 0xb5103510

// Bits that are always 1, and the byte order of data at EL1 and EL0.
#ifdef __AARCH64EB__
#define SCTLR_BASE 0x33d00800
#else
#define SCTLR_BASE 0x30d00800
#endif
// Enables the MMU, caches and the alignment check of stacks. EL0 may use the instructions for caches and waiting.
#define SCTLR_ON 0x0405d01d

#define DEVICE_BLOCK 0x60000000000401
#define MEMORY_BLOCK 0x711
