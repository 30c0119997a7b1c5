// A write of a vCPU that is made again.
#pragma once

#include <cstdint>

namespace hermitage::vmm {

// A write to a port that starts a hypercall without an effect so far. A restored vCPU makes it again.
struct RepeatedWrite {
  std::uint16_t port = 0;
  std::uint8_t size = 0;  // bytes: 1, 2 or 4
  std::uint32_t value = 0;

  friend auto operator==(const RepeatedWrite&, const RepeatedWrite&) -> bool = default;
};

}  // namespace hermitage::vmm
