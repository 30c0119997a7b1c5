#include "hermitage/qemu/exit_status.hpp"

#include <cstring>

#include <fmt/format.h>
#include <sys/wait.h>

namespace hermitage::qemu {
namespace {

constexpr int kFailure = 1;  // of QEMU; also of a failed guest on x86_64

auto ending_of_x86_64(int code) -> Ending {
  if (code == 0) {
    return GuestCrashed{"the machine was reset or powered off without an exit code, usually by an unhandled fault"};
  }
  if ((code & 1) == 0) return QemuFailed{fmt::format("QEMU exited with unexpected status {}", code)};
  const int value = code >> 1;
  if (value < 2) return GuestExit{1 - value};
  return GuestExit{value};
}

}  // namespace

auto ending_of(entry::Arch arch, int status, bool has_complained) -> Ending {
  if (WIFSIGNALED(status)) {
    return QemuFailed{
        fmt::format("QEMU was killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)))};
  }
  const int code = WEXITSTATUS(status);
  if (code == kFailure && has_complained) return QemuFailed{"QEMU failed to run the guest"};
  return arch == entry::Arch::x86_64 ? ending_of_x86_64(code) : GuestExit{code};
}

}  // namespace hermitage::qemu
