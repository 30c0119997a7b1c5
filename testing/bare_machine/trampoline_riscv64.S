// From OpenSBI, in supervisor mode with addresses that are physical, to a kernel. See image.cpp for what lies where.
  .option norvc
  .global _start
_start:
  auipc s1, 0
  li t0, 0x800
  add t0, s1, t0
  ld s2, (t0)  // the entry point
  li t0, 0x10000
  add sp, s1, t0
  li t0, 0x1000
  add a1, s1, t0
  jr s2
