#define _GNU_SOURCE
#include "kvm_calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

void check(int holds, const char* step) {
  if (holds) return;
  perror(step);
  exit(1);
}

int call_kvm(int fd, unsigned long request, void* argument, const char* name) {
  const int result = ioctl(fd, request, argument);
  check(result >= 0, name);
  return result;
}

int open_kvm(void) {
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  check(kvm >= 0, "/dev/kvm");
  check(CALL(kvm, KVM_GET_API_VERSION, NULL) == KVM_API_VERSION, "KVM_GET_API_VERSION");
  return kvm;
}

struct kvm_run* map_run(int kvm, int vcpu) {
  const int run_size = CALL(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
  struct kvm_run* const run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  check(run != MAP_FAILED, "mmap of the vCPU");
  return run;
}

struct bare_machine make_machine(const uint8_t* code, size_t size, uint64_t count) {
  uint8_t* const memory =
      mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(memory != MAP_FAILED, "mmap");
  fill_memory(memory, code, size);
  return make_machine_with(memory, MEMORY_SIZE, count);
}
