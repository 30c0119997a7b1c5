// The entry from QEMU or firmware at EL1, EL2 or EL3. Switches to EL1 with identity-mapped memory (the first GiB as
// devices, the GiB of the loader as memory), a stack, and exception vectors. Data may be big endian: no memory is
// accessed before the byte order is set.
#include "hermitage/loader/arch/aarch64/system.h"

#include "hermitage/loader/arch/aarch64/macros.inc"

  .section .text.start, "ax"
  .global _start
_start:
  msr daifset, #15
  mov x20, x0
  mrs x1, mpidr_el1
  tst x1, #0xff
  b.ne park
  mrs x1, CurrentEL
  cmp x1, #(2 << 2)
  b.eq at_el2
  b.lo at_el1

  // EL3: lower levels are non-secure and 64-bit. The next level is EL2, if it exists.
  load x1, 0x501
  msr scr_el3, x1
  msr cptr_el3, xzr
  mrs x2, id_aa64pfr0_el1
  ubfx x3, x2, #24, #4
  cbz x3, 1f
  load x1, 0xf  // lower levels may also access a GICv3's registers
  msr S3_6_C12_C12_5, x1
1:
  load x1, 0x3c9
  adr x4, at_el2
  ubfx x3, x2, #8, #4
  cbnz x3, 2f
  load x1, SCTLR_BASE
  msr sctlr_el1, x1
  load x1, 0x3c5
  adr x4, at_el1
2:
  msr spsr_el3, x1
  msr elr_el3, x4
  eret

at_el2:
  from_el2_to at_el1

at_el1:
  load x1, SCTLR_BASE
  msr sctlr_el1, x1
  isb
  set_system_registers

  address x1, page_map
  address x2, page_map_below
  orr x3, x2, #3
  str x3, [x1]
  load x3, DEVICE_BLOCK
  str x3, [x2]
  adr x3, _start
  lsr x3, x3, #30
  lsl x4, x3, #30
  load x5, MEMORY_BLOCK
  orr x4, x4, x5
  str x4, [x2, x3, lsl #3]
  switch_translation_on x1

  address x1, loader_stack_end
  mov sp, x1
  address x1, vectors
  msr vbar_el1, x1
  mov x29, xzr
  mov x0, x20
  bl loader_main

park:
  wfe
  b park

// [[noreturn]] void enter_kernel(boot_info, cpu, entry_point, stack)
  .section .text.enter, "ax"
  .global enter_kernel
enter_kernel:
  mov sp, x3
  mov x29, xzr
  mov x30, xzr
  br x2

// void use_page_map(root)
  .global use_page_map
use_page_map:
  dsb sy
  msr ttbr0_el1, x0
  isb
  tlbi vmalle1
  dsb sy
  isb
  ret

// Functions that end the machine. If the machine does not support one, it raises an exception.
// [[noreturn]] void semihosting_exit(block)
  .global semihosting_exit
semihosting_exit:
  mov x1, x0
  mov w0, #0x18  // SYS_EXIT
  hlt #0xf000
  b .

  .global psci_off_by_hvc
psci_off_by_hvc:
  load x0, 0x84000008
  hvc #0
  b .

  .global psci_off_by_smc
psci_off_by_smc:
  load x0, 0x84000008
  smc #0
  b .

  .section .text.vectors, "ax"
  .balign 2048
vectors:
  .rept 16
  .balign 128
  b exception
  .endr
exception:
  address x0, loader_stack_end
  mov sp, x0
  mrs x0, esr_el1
  mrs x1, elr_el1
  mrs x2, far_el1
  bl on_exception

  .bss
  .balign 4096
  .global page_map
page_map:
  .skip 4096
page_map_below:
  .skip 4096
loader_stack:
  .skip 0x4000
loader_stack_end:

  .section .note.GNU-stack, "", @progbits
