/* The processor's time stamps, in which guests measure, too. */
#pragma once

#include <stdint.h>
#ifndef __aarch64__
#include <x86intrin.h>
#endif

static inline uint64_t read_ticks(void) {
#ifdef __aarch64__
  uint64_t ticks;
  __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return __rdtsc();
#endif
}
