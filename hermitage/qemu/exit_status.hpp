// How a guest in QEMU ended.
#pragma once

#include <string>
#include <variant>

#include "hermitage/entry/arch.hpp"

namespace hermitage::qemu {

struct GuestExit {
  int code = 0;  // 0 to 255
};
struct GuestCrashed {
  std::string reason;  // one sentence without a full stop
};
struct QemuFailed {
  std::string reason;
};
using Ending = std::variant<GuestExit, GuestCrashed, QemuFailed>;

// `status` is that of waitpid(2). `has_complained` says that QEMU printed an error.
//
// On x86_64, the guest exits by the device isa-debug-exit, and QEMU's status is (value << 1) | 1. A Hermit kernel
// writes 1 for success and 0 for failure, so other exit codes of an application are lost. The guests of this project
// write 1 for code 0, 0 for 1, and other codes unchanged. On aarch64 and riscv64, QEMU exits with the guest's code if
// it uses semihosting (aarch64) or the test device (riscv64), and otherwise always with 0 (PSCI, SBI).
[[nodiscard]] auto ending_of(entry::Arch arch, int status, bool has_complained) -> Ending;

}  // namespace hermitage::qemu
