/* The addresses of transfers. The buffer's address moves by one page, PLACES times, as in the guest `transfer`, which
 * explains the reason.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { MAX_TRANSFER = 1 << 20, PAGE_SIZE = 4096, PLACES = 16 };
/* The size in bytes of the memory for all addresses. */
enum { TRANSFER_ROOM = MAX_TRANSFER + (PLACES - 1) * PAGE_SIZE };

/* The offset of the i-th transfer of `size` bytes in that memory. */
static inline size_t place_of(uint64_t i, uint64_t count) {
  return i * PLACES / count * PAGE_SIZE;
}
