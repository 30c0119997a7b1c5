#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kvm_calls.h"

/* The same addresses as in Uhyve. Hypercalls are stores to addresses below HYPERCALLS_END, where no memory is. */
enum { HYPERCALLS_END = 0x2000, LEVEL_0 = 0x10000, LEVEL_1 = 0x11000, MEMORY_BLOCKS = 0x12000, LOW_BLOCKS = 0x13000 };
#define MEMORY_BASE (1ull << 32)
#define DISTRIBUTOR 0x8000000ull
#define REDISTRIBUTORS 0x80a0000ull

/* Arm Architecture Reference Manual, D8.3: valid, accessed, inner shareable; attribute 0 (device) or 4 (memory). */
enum { TABLE = 0x3, MEMORY_BLOCK = 0x711, DEVICE_BLOCK = 0x701 };

void fill_memory(uint8_t* memory, const uint8_t* code, size_t size) {
  uint64_t* const blocks = (uint64_t*)(memory + MEMORY_BLOCKS);
  for (uint64_t i = 0; i < MEMORY_SIZE >> 21; ++i) blocks[i] = (MEMORY_BASE + (i << 21)) | MEMORY_BLOCK;
  *(uint64_t*)(memory + LOW_BLOCKS) = DEVICE_BLOCK;
  ((uint64_t*)(memory + LEVEL_1))[0] = (MEMORY_BASE + LOW_BLOCKS) | TABLE;
  ((uint64_t*)(memory + LEVEL_1))[MEMORY_BASE >> 30] = (MEMORY_BASE + MEMORY_BLOCKS) | TABLE;
  *(uint64_t*)(memory + LEVEL_0) = (MEMORY_BASE + LEVEL_1) | TABLE;
  memcpy(memory + CODE, code, size);
}

static void set_attribute(int device, uint32_t group, uint64_t attribute, uint64_t* value) {
  struct kvm_device_attr request = {.group = group, .attr = attribute, .addr = (uintptr_t)value};
  CALL(device, KVM_SET_DEVICE_ATTR, &request);
}

static int make_interrupt_controller(int vm) {
  struct kvm_create_device request = {.type = KVM_DEV_TYPE_ARM_VGIC_V3};
  CALL(vm, KVM_CREATE_DEVICE, &request);
  uint64_t distributor = DISTRIBUTOR, redistributors = REDISTRIBUTORS;
  set_attribute((int)request.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &distributor);
  set_attribute((int)request.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redistributors);
  return (int)request.fd;
}

static void set_register(int vcpu, uint64_t number, uint64_t value) {
  struct kvm_one_reg request = {.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | number, .addr = (uintptr_t)&value};
  CALL(vcpu, KVM_SET_ONE_REG, &request);
}
#define CORE(field) (KVM_REG_ARM_CORE | (offsetof(struct kvm_regs, field) / sizeof(uint32_t)))

/* Enters EL1 with translation, caches and floating point on, as the monitor does. */
static void set_registers(int vcpu, uint64_t count) {
  set_register(vcpu, ARM64_SYS_REG(3, 0, 10, 2, 0), 0xff440c0400);           /* MAIR */
  set_register(vcpu, ARM64_SYS_REG(3, 0, 2, 0, 2), 1ull << 32 | 0x35103510); /* TCR: 36 bits, 4 KiB */
  set_register(vcpu, ARM64_SYS_REG(3, 0, 2, 0, 0), MEMORY_BASE + LEVEL_0);   /* TTBR0 */
  set_register(vcpu, ARM64_SYS_REG(3, 0, 2, 0, 1), 0);                       /* TTBR1 */
  set_register(vcpu, ARM64_SYS_REG(3, 0, 12, 0, 0), 0);                      /* VBAR */
  set_register(vcpu, ARM64_SYS_REG(3, 0, 1, 0, 2), 3 << 20);                 /* CPACR */
  set_register(vcpu, ARM64_SYS_REG(2, 0, 0, 2, 2), 0);                       /* MDSCR */
  set_register(vcpu, ARM64_SYS_REG(3, 0, 1, 0, 0), 0x4d5d91d);               /* SCTLR */
  set_register(vcpu, CORE(regs.pstate), 0x3c5);
  set_register(vcpu, CORE(regs.pc), MEMORY_BASE + CODE);
  set_register(vcpu, CORE(sp_el1), MEMORY_BASE + CODE);
  set_register(vcpu, CORE(regs.regs[0]), 0);
  set_register(vcpu, CORE(regs.regs[1]), count);
}

struct bare_machine make_machine_with(uint8_t* memory, uint64_t memory_size, uint64_t count) {
  const int kvm = open_kvm();
  const int vm = ioctl(kvm, KVM_CREATE_VM, KVM_VM_TYPE_ARM_IPA_SIZE(36));
  check(vm >= 0, "KVM_CREATE_VM");

  struct kvm_userspace_memory_region region = {
      .guest_phys_addr = MEMORY_BASE, .memory_size = memory_size, .userspace_addr = (uintptr_t)memory};
  CALL(vm, KVM_SET_USER_MEMORY_REGION, &region);

  const int vcpu = CALL(vm, KVM_CREATE_VCPU, NULL);
  struct kvm_run* const run = map_run(kvm, vcpu);
  const int controller = make_interrupt_controller(vm);
  struct kvm_vcpu_init target;
  CALL(vm, KVM_ARM_PREFERRED_TARGET, &target);
  CALL(vcpu, KVM_ARM_VCPU_INIT, &target);
  set_attribute(controller, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
  set_registers(vcpu, count);
  return (struct bare_machine){.vcpu = vcpu, .memory = memory, .run = run};
}

uint16_t run_to_port(const struct bare_machine* machine) {
  CALL(machine->vcpu, KVM_RUN, NULL);
  check(machine->run->exit_reason == KVM_EXIT_MMIO && machine->run->mmio.phys_addr < HYPERCALLS_END, "the guest");
  return (uint16_t)machine->run->mmio.phys_addr;
}
