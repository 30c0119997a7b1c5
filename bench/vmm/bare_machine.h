/* A guest created with the minimum of KVM calls, for the floors of the benchmarks. It is in long mode with
 * identity-mapped memory. Every failure ends the program.
 */
#pragma once

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

enum { CODE = 0x40000, BUFFER = 0x200000 }; /* memory below CODE is in use */

#define MEMORY_SIZE (64ull << 20)

struct bare_machine {
  int vcpu;
  uint8_t* memory;
  struct kvm_run* run; /* results of KVM_RUN */
};

/* Creates the guest with 64 MiB of memory. It begins at CODE, with `count` in ecx. */
struct bare_machine make_machine(const uint8_t* code, size_t size, uint64_t count);

/* The two steps of make_machine(): writes what the guest needs into the first MEMORY_SIZE bytes of its memory, which
 * are zeros, and creates the guest with memory of this or a larger size.
 */
void fill_memory(uint8_t* memory, const uint8_t* code, size_t size);
struct bare_machine make_machine_with(uint8_t* memory, uint64_t memory_size, uint64_t count);

/* Runs the guest up to a write to a port, and returns its number. */
uint16_t run_to_port(const struct bare_machine* machine);

/* Ends the program unless the condition holds. Prints the failed step and the reason. */
void check(int holds, const char* step);
