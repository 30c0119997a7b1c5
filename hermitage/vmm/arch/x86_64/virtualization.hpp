// Whether the host's CPU supports virtualization.
#pragma once

#include <cpuid.h>

namespace hermitage::vmm::x86_64 {

// Whether the CPU reports VMX (Intel) or SVM (AMD). Without these, KVM can only interpret. Makes no system call and
// allocates no memory.
[[nodiscard]] inline auto can_virtualize() noexcept -> bool {
  constexpr unsigned kVmx = 1U << 5;
  constexpr unsigned kSvm = 1U << 2;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid(0x1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kVmx) != 0) return true;
  return __get_cpuid(0x8000'0001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kSvm) != 0;
}

}  // namespace hermitage::vmm::x86_64
