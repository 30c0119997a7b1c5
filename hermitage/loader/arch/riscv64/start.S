// The entry from SBI: in supervisor mode, with physical addresses, the hart in a0 and the device tree in a1.
  .option norelax
  .section .text.start, "ax"
  .global _start
_start:
  csrw sie, zero
  csrci sstatus, 2
  la t0, on_trap
  csrw stvec, t0
  la sp, loader_stack_end
  mv fp, zero
  tail loader_main

// [[noreturn]] void enter_kernel(hart, boot_info, entry_point, stack_end)
  .global enter_kernel
enter_kernel:
  mv sp, a3
  mv fp, zero
  jr a2

  .balign 4
on_trap:
  andi sp, sp, -16
  csrr a0, scause
  csrr a1, sepc
  csrr a2, stval
  tail on_exception

  .bss
  .balign 16
loader_stack:
  .skip 0x4000
loader_stack_end:

  .section .note.GNU-stack, "", @progbits
