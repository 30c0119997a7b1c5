/* The minimum for a monitor that continues a guest: creates a guest with one vCPU and interrupt controllers, whose
 * memory is mapped privately from a file, and runs its first instruction.
 *
 * usage: restore_floor write FILE
 *        restore_floor run FILE MEBIBYTES
 *
 * `write` makes the file. The guest of `run` has that much memory; the file is its start, and the rest is zeros.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/vmm/bare_machine.h"

enum { FILE_SIZE = CODE + 0x1000, MEBIBYTE = 1 << 20 };

static const uint8_t guest_code[] = {
    0xef, /* out dx, eax */
};

static int write_file(const char* name) {
  static uint8_t memory[FILE_SIZE];
  fill_memory(memory, guest_code, sizeof guest_code);
  const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  check(file >= 0, name);
  check(write(file, memory, sizeof memory) == (ssize_t)sizeof memory, "write");
  return 0;
}

static int run(const char* name, uint64_t size) {
  const int file = open(name, O_RDONLY | O_CLOEXEC);
  check(file >= 0, name);
  uint8_t* const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(memory != MAP_FAILED, "mmap");
  check(mmap(memory, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, 0) != MAP_FAILED,
        "mmap of the file");
  const struct bare_machine machine = make_machine_with(memory, size, 0);
  run_to_port(&machine);
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "write") == 0) return write_file(argv[2]);
  if (argc == 4 && strcmp(argv[1], "run") == 0) return run(argv[2], strtoull(argv[3], NULL, 10) * MEBIBYTE);
  fputs("usage: restore_floor write FILE | run FILE MEBIBYTES\n", stderr);
  return 2;
}
