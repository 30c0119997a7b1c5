/* Says what kind of KVM a machine has, by the only test that matters to a Hermit kernel: it runs an SSE instruction in
 * ring 0 of long mode.
 *
 * usage: kvm_probe
 *
 * Prints one word, and why on standard error where it is not "real":
 *   real         the instruction ran, and the guest said so; exit status 0
 *   paravirtual  there is a KVM, but it does not run the guest to its end, as one that interprets ring 0; exit status 1
 *   none         there is no usable KVM; exit status 2
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { REAL = 0, PARAVIRTUAL = 1, NONE = 2 };

enum {
  MEMORY_SIZE = 2 << 20,
  PML4 = 0x1000,
  PDPT = 0x2000,
  PAGE_DIRECTORY = 0x3000,
  CODE = 0x4000,
  PRESENT_WRITABLE = 0x3,
  LARGE_PAGE = 0x80,
  SECONDS = 5,
  PORT = 0x10,
  ANSWER = 0x5e,
};

static const uint8_t guest_code[] = {
    0xb8, ANSWER, 0,    0,    0, /* mov eax, ANSWER */
    0x66, 0x0f,   0x6e, 0xc0,    /* movd xmm0, eax */
    0x31, 0xc0,                  /* xor eax, eax */
    0x66, 0x0f,   0x7e, 0xc0,    /* movd eax, xmm0 */
    0xe6, PORT,                  /* out PORT, al */
    0xf4,                        /* hlt */
};

static int end(int verdict, const char* why) {
  static const char* const words[] = {"real", "paravirtual", "none"};
  if (why) fprintf(stderr, "kvm_probe: %s\n", why);
  puts(words[verdict]);
  return verdict;
}

static int fail(const char* step) {
  char why[128];
  snprintf(why, sizeof why, "%s: %s", step, strerror(errno));
  return end(NONE, why);
}

/* The guest does not come back: a signal with nothing to do makes KVM_RUN return. */
static void on_alarm(int signal_number) {
  (void)signal_number;
}

static void identity_map(uint8_t* memory) {
  *(uint64_t*)(memory + PML4) = PDPT | PRESENT_WRITABLE;
  *(uint64_t*)(memory + PDPT) = PAGE_DIRECTORY | PRESENT_WRITABLE;
  *(uint64_t*)(memory + PAGE_DIRECTORY) = LARGE_PAGE | PRESENT_WRITABLE;
}

static void enter_long_mode(struct kvm_sregs* registers) {
  const struct kvm_segment code = {.limit = 0xfffff, .selector = 8, .type = 0xb, .present = 1, .s = 1, .l = 1, .g = 1};
  const struct kvm_segment data = {.limit = 0xfffff, .selector = 16, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};
  registers->cs = code;
  registers->ds = registers->es = registers->fs = registers->gs = registers->ss = data;
  registers->cr3 = PML4;
  registers->cr4 = 1 << 5 | 1 << 9;          /* PAE, OSFXSR */
  registers->cr0 = 0x80000000u | 1 | 1 << 1; /* PG, PE, MP */
  registers->efer = 1 << 8 | 1 << 10;        /* LME, LMA */
}

int main(void) {
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) return fail("/dev/kvm");
  if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return end(NONE, "/dev/kvm does not speak API version 12");
  const int vm = ioctl(kvm, KVM_CREATE_VM, 0);
  if (vm < 0) return fail("KVM_CREATE_VM");

  uint8_t* const memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail("mmap");
  identity_map(memory);
  memcpy(memory + CODE, guest_code, sizeof guest_code);
  const struct kvm_userspace_memory_region region = {.memory_size = MEMORY_SIZE, .userspace_addr = (uintptr_t)memory};
  if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0) return fail("KVM_SET_USER_MEMORY_REGION");

  const int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
  if (vcpu < 0) return fail("KVM_CREATE_VCPU");
  const int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_size < 0) return fail("KVM_GET_VCPU_MMAP_SIZE");
  struct kvm_run* const run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (run == MAP_FAILED) return fail("mmap of the vCPU");

  /* Since Linux 6.12 long mode is only for a vCPU whose CPUID has it. */
  static union {
    struct kvm_cpuid2 cpuid;
    uint8_t bytes[sizeof(struct kvm_cpuid2) + 256 * sizeof(struct kvm_cpuid_entry2)];
  } supported = {.cpuid = {.nent = 256}};
  if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &supported) < 0) return fail("KVM_GET_SUPPORTED_CPUID");
  if (ioctl(vcpu, KVM_SET_CPUID2, &supported) < 0) return fail("KVM_SET_CPUID2");

  struct kvm_sregs special;
  if (ioctl(vcpu, KVM_GET_SREGS, &special) < 0) return fail("KVM_GET_SREGS");
  enter_long_mode(&special);
  if (ioctl(vcpu, KVM_SET_SREGS, &special) < 0) return fail("KVM_SET_SREGS");
  const struct kvm_regs registers = {.rip = CODE, .rsp = MEMORY_SIZE, .rflags = 2};
  if (ioctl(vcpu, KVM_SET_REGS, &registers) < 0) return fail("KVM_SET_REGS");

  const struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  alarm(SECONDS);
  if (ioctl(vcpu, KVM_RUN, 0) < 0) return end(PARAVIRTUAL, errno == EINTR ? "the guest hangs" : strerror(errno));
  if (run->exit_reason == KVM_EXIT_IO && run->io.port == PORT &&
      *((const uint8_t*)run + run->io.data_offset) == ANSWER) {
    return end(REAL, NULL);
  }
  char why[64];
  snprintf(why, sizeof why, "the guest stopped with exit reason %u", run->exit_reason);
  return end(PARAVIRTUAL, why);
}
