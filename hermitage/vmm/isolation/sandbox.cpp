#include "hermitage/vmm/isolation/sandbox.hpp"

#include <linux/seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hermitage/base/privileges.hpp"
#include "hermitage/vmm/isolation/filters.hpp"

namespace hermitage::vmm::isolation {
namespace {

static_assert(kViolationStatus == 128 + SIGSYS);

thread_local Role role_of_thread = Role::supervisor;

// A line that a signal handler can build: it calls only async-signal-safe functions.
class Line {
 public:
  auto operator<<(std::string_view text) -> Line& {
    const auto size = std::min(text.size(), text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), size);
    size_ += size;
    return *this;
  }
  auto operator<<(int number) -> Line& {
    const auto [end, error] = std::to_chars(text_.data() + size_, text_.data() + text_.size(), number);
    if (error == std::errc{}) size_ = static_cast<std::size_t>(end - text_.data());
    return *this;
  }
  void write_to(int descriptor) const {
    [[maybe_unused]] const auto written = ::write(descriptor, text_.data(), size_);
  }

 private:
  std::array<char, 256> text_;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled up to size_
  std::size_t size_ = 0;
};

void report_violation(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto name = name_of(info->si_syscall);
  Line line;
  line << "hermitage: seccomp: " << name_of(role_of_thread) << " thread called ";
  if (name.empty()) {
    line << "system call " << info->si_syscall;
  } else {
    line << name << " (" << info->si_syscall << ")";
  }
  line << ", which its filter does not allow; the monitor ends\n";
  line.write_to(STDERR_FILENO);
  ::_exit(kViolationStatus);
}

auto refused(std::string_view what) -> std::unexpected<Error> {
  return system_failure("cannot isolate this process: " + std::string{what}, errno);
}

}  // namespace

auto guard_process() -> Result<void> {
  constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &kNone) != 0) return refused("setrlimit(RLIMIT_CORE)");
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return refused("prctl(PR_SET_DUMPABLE)");
  struct sigaction action{};
  action.sa_sigaction = report_violation;
  action.sa_flags = SA_SIGINFO;
  ::sigfillset(&action.sa_mask);
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return refused("sigaction(SIGSYS)");
  return {};
}

auto forbid_new_privileges() -> Result<void> {
  if (const auto* const call = base::forbid_new_privileges()) return refused(call);
  return {};
}

auto drop_capabilities() -> Result<void> {
  if (const auto* const call = base::drop_capabilities()) return refused(call);
  return {};
}

auto filter_system_calls(Role role) -> Result<void> {
  const auto compiled = filter_of(role);
  std::array<sock_filter, kMaxSteps> steps;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled as far as used
  const auto process = static_cast<std::uint32_t>(::getpid());
  std::ranges::transform(compiled, steps.begin(), [process](sock_filter step) {
    if (step.k == kOwnProcess) step.k = process;
    return step;
  });
  const sock_fprog program{.len = static_cast<unsigned short>(compiled.size()), .filter = steps.data()};
  role_of_thread = role;
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return refused("seccomp");
  return {};
}

auto missing_filters() -> std::string {
  const std::uint32_t action = SECCOMP_RET_TRAP;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) return {};
  return std::strerror(errno);
}

}  // namespace hermitage::vmm::isolation
