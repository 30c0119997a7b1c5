// The entry from the firmware: efi_start(rcx = image handle, rdx = system table). Applies the relocations of the
// file. All of them are R_X86_64_RELATIVE: 24 bytes each, with an offset and an addend.
  .section .text.start, "ax"
  .global efi_start
efi_start:
  sub $8, %rsp
  lea image_base(%rip), %rax
  lea relocations_start(%rip), %r8
  lea relocations_end(%rip), %r9
  jmp 2f
1:
  mov (%r8), %r10
  mov 16(%r8), %r11
  add %rax, %r11
  mov %r11, (%rax, %r10)
  add $24, %r8
2:
  cmp %r9, %r8
  jb 1b
  mov %rcx, %rdi
  mov %rdx, %rsi
  call efi_main

// [[noreturn]] void enter_kernel(boot_info, cpu, entry_point, stack)
  .global enter_kernel
enter_kernel:
  cli
  cld
  mov %rcx, %rsp
  xor %ebp, %ebp
  jmp *%rdx

  .section .note.GNU-stack, "", @progbits
