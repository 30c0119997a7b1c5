#include "kvm_calls.h"

#include <string.h>

/* The same addresses as in Uhyve. */
enum { GDT = 0x0, PML4 = 0x10000, PDPT = 0x11000, PAGE_DIRECTORY = 0x12000 };
enum { PRESENT_WRITABLE = 0x3, LARGE_PAGE = 0x80, PAGE_TABLE_ENTRIES = 512 };

/* None, code and data. */
static const uint64_t descriptors[] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};

/* Maps the first 64 MiB with pages of 2 MiB. */
static void identity_map(uint8_t* memory) {
  uint64_t* const directory = (uint64_t*)(memory + PAGE_DIRECTORY);
  for (uint64_t i = 0; i < MEMORY_SIZE >> 21; ++i) directory[i] = i << 21 | LARGE_PAGE | PRESENT_WRITABLE;
  *(uint64_t*)(memory + PDPT) = PAGE_DIRECTORY | PRESENT_WRITABLE;
  ((uint64_t*)(memory + PML4))[0] = PDPT | PRESENT_WRITABLE;
  ((uint64_t*)(memory + PML4))[PAGE_TABLE_ENTRIES - 1] = PML4 | PRESENT_WRITABLE;
}

static void enter_long_mode(int vcpu) {
  const struct kvm_segment code = {.limit = 0xfffff, .selector = 8, .type = 0xb, .present = 1, .s = 1, .l = 1, .g = 1};
  const struct kvm_segment data = {.limit = 0xfffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
  struct kvm_sregs registers;
  CALL(vcpu, KVM_GET_SREGS, &registers);
  registers.cs = code;
  registers.ds = registers.es = registers.ss = data;
  registers.gdt.base = GDT;
  registers.gdt.limit = sizeof descriptors - 1;
  registers.cr3 = PML4;
  registers.cr4 = 1 << 5;                            /* PAE */
  registers.cr0 = 0x80000000u | 1 << 5 | 1 << 4 | 1; /* PG, NE, ET, PE */
  registers.efer = 1 << 11 | 1 << 10 | 1 << 8;       /* NXE, LMA, LME */
  CALL(vcpu, KVM_SET_SREGS, &registers);
}

static void set_cpuid(int kvm, int vcpu) {
  static union {
    struct kvm_cpuid2 cpuid;
    uint8_t bytes[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
  } supported = {.cpuid = {.nent = 256}};
  CALL(kvm, KVM_GET_SUPPORTED_CPUID, &supported);
  CALL(vcpu, KVM_SET_CPUID2, &supported);
}

static void set_misc_enable(int vcpu) {
  union {
    struct kvm_msrs msrs;
    uint8_t bytes[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
  } one = {.msrs = {.nmsrs = 1}};
  one.msrs.entries[0] = (struct kvm_msr_entry){.index = 0x1a0, .data = 1}; /* IA32_MISC_ENABLE */
  CALL(vcpu, KVM_SET_MSRS, &one);
}

void fill_memory(uint8_t* memory, const uint8_t* code, size_t size) {
  memcpy(memory + GDT, descriptors, sizeof descriptors);
  identity_map(memory);
  memcpy(memory + CODE, code, size);
}

struct bare_machine make_machine_with(uint8_t* memory, uint64_t memory_size, uint64_t count) {
  const int kvm = open_kvm();
  const int vm = CALL(kvm, KVM_CREATE_VM, NULL);

  struct kvm_userspace_memory_region region = {.memory_size = memory_size, .userspace_addr = (uintptr_t)memory};
  CALL(vm, KVM_SET_USER_MEMORY_REGION, &region);
  /* The order matters: setting a memory region after this would wait milliseconds for readers of the bus. */
  CALL(vm, KVM_CREATE_IRQCHIP, NULL);

  const int vcpu = CALL(vm, KVM_CREATE_VCPU, NULL);
  struct kvm_run* const run = map_run(kvm, vcpu);
  set_cpuid(kvm, vcpu);
  enter_long_mode(vcpu);
  set_misc_enable(vcpu);
  struct kvm_regs registers = {.rip = CODE, .rsp = CODE, .rcx = count, .rflags = 2};
  CALL(vcpu, KVM_SET_REGS, &registers);
  return (struct bare_machine){.vcpu = vcpu, .memory = memory, .run = run};
}

uint16_t run_to_port(const struct bare_machine* machine) {
  CALL(machine->vcpu, KVM_RUN, NULL);
  check(machine->run->exit_reason == KVM_EXIT_IO, "the guest");
  return machine->run->io.port;
}
