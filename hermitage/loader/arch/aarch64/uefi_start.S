// The entry from the firmware: efi_start(x0 = image handle, x1 = system table). Applies the relocations of the file.
// All of them are R_AARCH64_RELATIVE: 24 bytes each, with an offset and an addend.
#include "hermitage/loader/arch/aarch64/system.h"
#include "hermitage/loader/arch/aarch64/macros.inc"

  .section .text.start, "ax"
  .global efi_start
efi_start:
  address x9, image_base
  address x10, relocations_start
  address x11, relocations_end
  b 2f
1:
  ldr x12, [x10]
  ldr x13, [x10, #16]
  add x13, x13, x9
  str x13, [x9, x12]
  add x10, x10, #24
2:
  cmp x10, x11
  b.lo 1b
  bl efi_main

// [[noreturn]] void enter_kernel_by(page_map, boot_info, entry_point, stack): replaces the page tables and the
// registers of the firmware. Both identity-map all of this code.
  .global enter_kernel_by
enter_kernel_by:
  msr daifset, #15
  mov x20, x0
  mov x21, x1
  mov x22, x2
  mov x23, x3
  mrs x1, CurrentEL
  cmp x1, #(2 << 2)
  b.ne at_el1
  from_el2_to at_el1
at_el1:
  dsb sy
  load x1, SCTLR_BASE
  msr sctlr_el1, x1
  isb
  set_system_registers
  switch_translation_on x20
  mov x0, x21
  mov w1, #0
  mov sp, x23
  mov x29, xzr
  mov x30, xzr
  br x22

  .section .note.GNU-stack, "", @progbits
