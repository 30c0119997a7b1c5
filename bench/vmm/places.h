/* Where transfers are made to and from. The buffer's place moves on by a page, PLACES times, as in the guest
 * `transfer`, which says why.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { MAX_TRANSFER = 1 << 20, PAGE_SIZE = 4096, PLACES = 16 };
/* Bytes, for all places together. */
enum { TRANSFER_ROOM = MAX_TRANSFER + (PLACES - 1) * PAGE_SIZE };

/* The offset of the i-th of so many transfers in that room. */
static inline size_t place_of(uint64_t i, uint64_t count) {
  return i * PLACES / count * PAGE_SIZE;
}
