/* The minimum for a virtual network card: waits for a frame of a tap, enters a guest that copies the frame, and
 * writes the frame back to its sender. This is a UDP echo server for all its addresses and ports.
 *
 * usage: net_floor TAP
 *
 * The interface must exist. Prints `net: ready` when it waits for frames.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench/vmm/bare_machine.h"

enum { RECEIVED = BUFFER, WORDS = BUFFER + 0x10000, COPIED = BUFFER + 0x20000 };
enum { MOST = 2048, WORD = 8 };

#define LITTLE_ENDIAN_32(number) (number) & 0xff, (number) >> 8 & 0xff, (number) >> 16 & 0xff, (number) >> 24

static const uint8_t guest_code[] = {
    0x8b, 0x0c,
    0x25, LITTLE_ENDIAN_32(WORDS),    /* begin: mov ecx, [WORDS] */
    0xbe, LITTLE_ENDIAN_32(RECEIVED), /* mov esi, RECEIVED */
    0xbf, LITTLE_ENDIAN_32(COPIED),   /* mov edi, COPIED */
    0xf3, 0x48,
    0xa5,       /* rep movsq */
    0xef,       /* out dx, eax */
    0xeb, 0xe9, /* jmp begin */
};

static int open_tap(const char* name) {
  const int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  check(tap >= 0, "/dev/net/tun");
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
  check(ioctl(tap, TUNSETIFF, &request) == 0, name);
  /* Enables checksums in frames, in case a previous user of the interface has disabled them. */
  check(ioctl(tap, TUNSETOFFLOAD, 0) == 0, "TUNSETOFFLOAD");
  return tap;
}

static void swap(uint8_t* frame, size_t first, size_t second, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    const uint8_t kept = frame[first + i];
    frame[first + i] = frame[second + i];
    frame[second + i] = kept;
  }
}

static int is_of(const uint8_t* frame, size_t size, uint16_t type) {
  return size >= 42 && frame[12] == type >> 8 && frame[13] == (type & 0xff);
}

/* Sends a datagram back to its sender. The checksums are sums, and do not change. */
static void turn_round(uint8_t* frame) {
  swap(frame, 0, 6, 6);   /* addresses of the link */
  swap(frame, 26, 30, 4); /* of IP */
  swap(frame, 34, 36, 2); /* ports */
}

/* Answers each request for an address. */
static void answer_arp(uint8_t* frame) {
  static const uint8_t own[] = {0x02, 0, 0, 0, 0, 0x04};
  memcpy(frame, frame + 6, sizeof own);
  memcpy(frame + 6, own, sizeof own);
  frame[21] = 2;           /* a reply */
  swap(frame, 22, 32, 10); /* addresses of sender and target */
  memcpy(frame + 22, own, sizeof own);
}

/* Writes the answer to a frame. Returns 0 if the frame needs no answer. */
static int answer(uint8_t* frame, size_t size) {
  const int is_udp = is_of(frame, size, 0x0800) && frame[14] == 0x45 && frame[23] == 17;
  const int is_question = is_of(frame, size, 0x0806) && frame[21] == 1;
  if (is_udp) turn_round(frame);
  if (is_question) answer_arp(frame);
  return is_udp || is_question;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fputs("usage: net_floor TAP\n", stderr);
    return 2;
  }
  const int tap = open_tap(argv[1]);
  const struct bare_machine machine = make_machine(guest_code, sizeof guest_code, 0);
  memset(machine.memory + RECEIVED, 0, COPIED + MOST - RECEIVED);
  puts("net: ready");
  fflush(stdout);
  for (;;) {
    const ssize_t size = read(tap, machine.memory + RECEIVED, MOST);
    check(size > 0, "read of the tap");
    *(uint32_t*)(machine.memory + WORDS) = (uint32_t)(size + WORD - 1) / WORD;
    run_to_port(&machine);
    if (!answer(machine.memory + COPIED, (size_t)size)) continue;
    check(write(tap, machine.memory + COPIED, (size_t)size) == size, "write to the tap");
  }
}
