// From QEMU's machine `virt`, at EL1, to a kernel with memory identity-mapped: the first GiB as devices, the rest as
// memory. See image.cpp for what lies where.
  .global _start
_start:
  adr x19, _start
  ldr x20, [x19, #0x800]  // the entry point
  ldr x21, [x19, #0x808]  // whether data is big endian

  ldr x0, =0x04ff  // attribute 0: memory, 1: device
  msr mair_el1, x0
  ldr x0, =0x200803519  // 39 bits of address, 4 KiB pages, inner shareable, write-back; 40 physical bits
  msr tcr_el1, x0
  add x0, x19, #0x4000
  msr ttbr0_el1, x0
  tlbi vmalle1
  dsb sy
  isb

  mrs x0, sctlr_el1
  bfi x0, x21, #25, #1  // EE
  orr x0, x0, #1 << 12  // I
  orr x0, x0, #1 << 2   // C
  orr x0, x0, #1        // M
  bic x0, x0, #1 << 1   // A
  msr sctlr_el1, x0
  isb

  add x0, x19, #0x8000
  mov sp, x0
  add x0, x19, #0x1000
  mov w1, #0
  br x20
