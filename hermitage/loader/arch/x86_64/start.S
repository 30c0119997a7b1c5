// The entries for the three protocols in one ELF file. They set up the state for C++: 64-bit mode with the first GiB
// identity-mapped, a stack, and exception handlers.
#include "hermitage/loader/arch/x86_64/protocol.h"

#define CODE 0x08
#define DATA 0x10

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)
#define CR0_ET (1 << 4)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define MSR_EFER 0xc0000080
#define EFER_LME (1 << 8)
#define EFER_NXE (1 << 11)

#define PRESENT_WRITABLE 3
#define LARGE (1 << 7)
#define NO_EXECUTE_HIGH 0x80000000  // in the upper half of an entry
#define GIB (1 << 30)

// Flags: modules on page boundaries, memory information, and addresses. With addresses, the ELF file may be 64-bit.
#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x00010003

  .section .multiboot, "a"
  .balign 4
multiboot_header:
  .long MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)
  .long multiboot_header, loader_start, loader_file_end, loader_end, multiboot_start

// XEN_ELFNOTE_PHYS32_ENTRY
  .section .note.Xen, "a", @note
  .balign 4
  .long 4, 8, 18
  .asciz "Xen"
  .quad pvh_start

  .section .text.start, "ax"
  .code32
multiboot_start:
  mov $PROTOCOL_MULTIBOOT, %edi
  mov %eax, %edx
  jmp start_32
pvh_start:
  mov $PROTOCOL_PVH, %edi
start_32:
  cli
  cld
  mov $loader_stack_end, %esp
  mov %ebx, %esi
  mov %edx, %ebp

  mov $0x80000000, %eax
  cpuid
  cmp $0x80000001, %eax
  jb no_long_mode
  mov $0x80000001, %eax
  cpuid
  bt $29, %edx
  jnc no_long_mode

  movl $(page_directory_pointers + PRESENT_WRITABLE), page_map
  movl $(page_directory + PRESENT_WRITABLE), page_directory_pointers
  mov $page_directory, %ecx
  mov $(PRESENT_WRITABLE | LARGE), %eax
1:
  mov %eax, (%ecx)
  movl $NO_EXECUTE_HIGH, 4(%ecx)
  add $8, %ecx
  add $(2 << 20), %eax
  cmp $(GIB | PRESENT_WRITABLE | LARGE), %eax
  jne 1b
  movl $0, page_directory + 4
  mov $page_map, %eax
  mov %eax, %cr3
  mov $CR4_PAE, %eax
  mov %eax, %cr4
  mov $MSR_EFER, %ecx
  rdmsr
  or $(EFER_LME | EFER_NXE), %eax
  wrmsr
  mov $(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
  mov %eax, %cr0
  lgdt gdt_pointer
  ljmp $CODE, $start_64

// The processor has no 64-bit mode, which the other code needs. Prints one line, and ends the machine.
no_long_mode:
  mov $no_long_mode_text, %esi
1:
  lodsb
  test %al, %al
  jz 2f
  mov $0x3f8, %edx
  out %al, %dx
  jmp 1b
2:
  xor %eax, %eax
  out %eax, $0xf4
  lidt empty_idt
  int3

  .code64
  .global linux_start
linux_start:
  cli
  cld
  lea loader_stack_end(%rip), %rsp
  mov $MSR_EFER, %ecx
  rdmsr
  or $EFER_NXE, %eax
  wrmsr
  movl $(page_directory_pointers + PRESENT_WRITABLE), page_map(%rip)
  movl $(page_directory + PRESENT_WRITABLE), page_directory_pointers(%rip)
  lea page_directory(%rip), %rcx
  mov $(PRESENT_WRITABLE | LARGE), %eax
1:
  mov %eax, (%rcx)
  movl $NO_EXECUTE_HIGH, 4(%rcx)
  add $8, %rcx
  add $(2 << 20), %eax
  cmp $(GIB | PRESENT_WRITABLE | LARGE), %eax
  jne 1b
  movl $0, page_directory + 4(%rip)
  lea page_map(%rip), %rax
  mov %rax, %cr3
  mov $(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
  mov %rax, %cr0
  lgdt gdt_pointer(%rip)
  mov $PROTOCOL_LINUX, %edi
  push $CODE
  lea start_64(%rip), %rax
  push %rax
  lretq

// edi contains the protocol, rsi its information, and ebp the magic number of Multiboot.
start_64:
  mov $DATA, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  xor %eax, %eax
  mov %eax, %fs
  mov %eax, %gs
  mov $loader_stack_end, %esp
  mov %ebp, %edx
  xor %ebp, %ebp
  call loader_main

// [[noreturn]] void enter_kernel(boot_info, cpu, entry_point, stack)
  .section .text.enter, "ax"
  .global enter_kernel
enter_kernel:
  mov %rcx, %rsp
  xor %ebp, %ebp
  jmp *%rdx

// Exception handlers: each pushes its number after the error code, if the exception has one. The processor aligns the
// stack.
  .section .text.exceptions, "ax"
  .global exception_stubs
  .balign 16
exception_stubs:
  .set vector, 0
  .rept 32
  .balign 16
  .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
  push $0
  .endif
  push $vector
  jmp exception
  .set vector, vector + 1
  .endr

exception:
  cld
  mov %rsp, %rdi
  mov %cr2, %rsi
  and $-16, %rsp
  call on_exception

  .section .rodata
  .balign 8
gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
  .word . - gdt - 1
  .quad gdt
  .global empty_idt
empty_idt:
  .word 0
  .quad 0
no_long_mode_text:
  .asciz "[LOADER][ERROR] this processor has no 64-bit mode\n"

// Page tables for the first GiB with pages of 2 MiB, filled by the code above. Only the first page is executable.
  .bss
  .balign 4096
  .global page_map
page_map:
  .skip 4096
page_directory_pointers:
  .skip 4096
page_directory:
  .skip 4096

  .balign 16
loader_stack:
  .skip 0x4000
loader_stack_end:

  .section .note.GNU-stack, "", @progbits
