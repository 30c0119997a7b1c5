/* The minimum for a monitor of Hermit kernels: creates a guest of 64 MiB with the necessary KVM calls. The guest runs
 * with 64-bit code, makes some hypercalls (writes to ports; on aarch64, stores of 8 bytes), and ends with one.
 *
 * usage: floor [HYPERCALLS [read|write FILE SIZE]]
 *
 * By default, the guest only makes the hypercall that ends it. For each other hypercall, the program reads or writes
 * SIZE bytes of the file at its current offset, to or from guest memory at the addresses of the guest `transfer`.
 * Prints the time of one hypercall, in ticks.
 *
 * It loads no image, parses no options, and has no isolation.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare_machine.h"
#include "bench/ticks.h"
#include "places.h"

enum { PORT_WRITE = 0x400, PORT_EXIT = 0x540 };

#ifdef __aarch64__
static const uint32_t guest_code[] = {
    0xd2808002, /* mov x2, PORT_WRITE */
    0xb4000081, /* cbz x1, end: hypercalls to make */
    0xf9000048, /* next: str x8, [x2] */
    0xf1000421, /* subs x1, x1, 1 */
    0x54ffffc1, /* b.ne next */
    0xd280a802, /* end: mov x2, PORT_EXIT */
    0xf9000048, /* str x8, [x2] */
};
#else
static const uint8_t guest_code[] = {
    0x85, 0xc9,             /* test ecx, ecx: hypercalls to make */
    0x74, 0x09,             /* jz end */
    0x66, 0xba, 0x00, 0x04, /* mov dx, PORT_WRITE */
    0xef,                   /* next: out dx, eax */
    0xff, 0xc9,             /* dec ecx */
    0x75, 0xfb,             /* jnz next */
    0x66, 0xba, 0x40, 0x05, /* end: mov dx, PORT_EXIT */
    0xef,                   /* out dx, eax */
};
#endif

/* The action for each hypercall. */
struct transfer {
  int fd; /* -1: nothing */
  int writes;
  size_t size;
};

static struct transfer open_transfer(int argc, char** argv) {
  struct transfer transfer = {.fd = -1};
  if (argc < 5) return transfer;
  transfer.writes = strcmp(argv[2], "write") == 0;
  transfer.size = strtoul(argv[4], NULL, 10);
  transfer.fd = open(argv[3], (transfer.writes ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
  check(transfer.fd >= 0, argv[3]);
  check(transfer.size <= MAX_TRANSFER, "SIZE");
  return transfer;
}

static void make_transfer(const struct transfer* transfer, uint8_t* buffer) {
  if (transfer->fd < 0) return;
  const ssize_t done =
      transfer->writes ? write(transfer->fd, buffer, transfer->size) : read(transfer->fd, buffer, transfer->size);
  check(done == (ssize_t)transfer->size, "the file");
}

int main(int argc, char** argv) {
  const uint64_t hypercalls = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
  const struct transfer transfer = open_transfer(argc, argv);

  const struct bare_machine machine = make_machine((const uint8_t*)guest_code, sizeof guest_code, hypercalls);
  if (transfer.fd >= 0) memset(machine.memory + BUFFER, 1, TRANSFER_ROOM);

  unsigned long long begin = 0; /* the first exit */
  uint16_t port;
  for (uint64_t i = 0;; ++i) {
    port = run_to_port(&machine);
    if (begin == 0) begin = read_ticks();
    if (port != PORT_WRITE) break;
    make_transfer(&transfer, machine.memory + BUFFER + place_of(i, hypercalls));
  }
  if (hypercalls != 0) printf("%llu ticks each\n", (read_ticks() - begin) / hypercalls);
  return port == PORT_EXIT ? 0 : 1;
}
