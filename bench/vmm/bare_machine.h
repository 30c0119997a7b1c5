/* A guest that is made by the KVM calls that no monitor can do without: what the floors of the benchmarks run. It is in
 * long mode, and all of its memory is mapped to where it is. Whatever fails ends the program.
 */
#pragma once

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

enum { CODE = 0x40000, BUFFER = 0x200000 }; /* what is below CODE is taken */

struct bare_machine {
  int vcpu;
  uint8_t* memory;
  struct kvm_run* run; /* KVM_RUN's results */
};

/* With 64 MiB of memory. The guest begins at CODE, with `count` in ecx. */
struct bare_machine make_machine(const uint8_t* code, size_t size, uint64_t count);

/* Runs the guest up to a write to a port, and returns its number. */
uint16_t run_to_port(const struct bare_machine* machine);

/* Ends the program unless the condition holds: says which step has failed, and why. */
void check(int holds, const char* step);
