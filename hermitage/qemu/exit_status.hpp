// How a guest in QEMU ended.
#pragma once

#include <string>
#include <variant>

#include "hermitage/entry/arch.hpp"

namespace hermitage::qemu {

struct GuestExit {
  int code = 0;  // 0 to 255
};
struct GuestDied {
  std::string reason;  // one sentence without a full stop
};
struct QemuFailed {
  std::string reason;
};
using Ending = std::variant<GuestExit, GuestDied, QemuFailed>;

// `status` is waitpid(2)'s, and QEMU `has_complained` when it wrote an error.
//
// On x86_64 the guest ends by the device isa-debug-exit, with (value << 1) | 1: a Hermit kernel writes 1 where all went
// well and 0 where it did not, so that other codes of an application are lost; guests of ours write 1 for 0, 0 for 1,
// and all else as it is. On aarch64 and riscv64 QEMU ends with the guest's code where that uses semihosting (aarch64)
// or the test device (riscv64), and with 0 whatever happened otherwise (PSCI, SBI).
[[nodiscard]] auto ending_of(entry::Arch arch, int status, bool has_complained) -> Ending;

}  // namespace hermitage::qemu
