// From Multiboot, in 32 bits, to 64-bit mode with memory identity-mapped, and into the kernel. See image.cpp for what lies
// where.
#define IMAGE 0x100000
#define ENTRY (IMAGE + 0x800)
#define BOOT_INFO (IMAGE + 0x1000)
#define PAGE_TABLES (IMAGE + 0x4000)
#define STACK (IMAGE + 0x8000)
#define FLAGS 0x00010000  // addresses follow

  .code32
  .global _start
multiboot_header:
  .long 0x1badb002, FLAGS, -(0x1badb002 + FLAGS)
  .long multiboot_header, IMAGE, 0, 0, _start

  .balign 8
gdt:
  .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
  .word . - gdt - 1
  .long gdt

_start:
  lgdt gdt_pointer
  mov $PAGE_TABLES, %eax
  mov %eax, %cr3
  mov $0x20, %eax  // PAE
  mov %eax, %cr4
  mov $0xc0000080, %ecx  // EFER: LME, NXE
  mov $0x900, %eax
  xor %edx, %edx
  wrmsr
  mov $0x80000031, %eax  // PG, NE, ET, PE
  mov %eax, %cr0
  ljmp $8, $long_mode

  .code64
long_mode:
  mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $STACK, %esp
  mov $BOOT_INFO, %edi
  xor %esi, %esi
  jmp *ENTRY

  .section .note.GNU-stack, "", @progbits
