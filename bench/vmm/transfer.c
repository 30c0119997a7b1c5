/* The minimum to serve the guest `transfer`: the same system calls on the host, with the same buffer addresses.
 *
 * usage: transfer read|write FILE SIZE COUNT      prints the time of a transfer in the processor's time stamps, like
 * the guest
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/ticks.h"
#include "places.h"

static char buffer[TRANSFER_ROOM] __attribute__((aligned(PAGE_SIZE)));

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const int writes = strcmp(argv[1], "write") == 0;
  const size_t size = strtoul(argv[3], NULL, 10);
  const unsigned long count = strtoul(argv[4], NULL, 10);
  if (size > MAX_TRANSFER) return 2;
  const int fd = open(argv[2], writes ? O_WRONLY : O_RDONLY);
  if (fd < 0) {
    perror(argv[2]);
    return 1;
  }
  memset(buffer, 1, sizeof buffer);
  const unsigned long long begin = read_ticks();
  for (unsigned long i = 0; i < count; ++i) {
    char* const place = buffer + place_of(i, count);
    const ssize_t done = writes ? write(fd, place, size) : read(fd, place, size);
    if (done != (ssize_t)size) {
      fprintf(stderr, "%s: a piece was not transferred whole\n", argv[2]);
      return 1;
    }
  }
  if (count != 0) printf("%llu ticks each\n", (read_ticks() - begin) / count);
  return 0;
}
