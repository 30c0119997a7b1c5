#include "hermitage/cli/bus_errors.hpp"

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <sys/mman.h>
#include <unistd.h>

#include "hermitage/base/page.hpp"

namespace hermitage::cli {
namespace {

constexpr int kSignalBase = 128;  // added to a signal number in an exit status, as in shells

std::atomic<bool> has_happened = false;
std::atomic<void (*)()> on_bus_error = nullptr;

void put_zeros(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int error = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr) & ~(base::host_page_size() - 1);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the beginning of the page, for mmap
  auto* const page = reinterpret_cast<void*>(address);
  // BUS_ADRERR: a page after the end of a mapped file. Other codes are errors of the machine or of this program.
  if (info->si_code != BUS_ADRERR || ::mmap(page, base::host_page_size(), PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
    constexpr std::string_view kLine = "hermitage: SIGBUS: cannot read the memory of this process\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, kLine.data(), kLine.size());
    ::_exit(kSignalBase + SIGBUS);
  }
  has_happened = true;
  if (auto* const notify = on_bus_error.load()) notify();
  errno = error;
}

}  // namespace

BusErrors::BusErrors(void (*on_error)()) {
  has_happened = false;
  on_bus_error = on_error;
  struct sigaction action{};
  action.sa_sigaction = put_zeros;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGBUS, &action, nullptr);
}

BusErrors::~BusErrors() {
  on_bus_error = nullptr;
}

auto BusErrors::take() noexcept -> bool {
  return has_happened.exchange(false);
}

}  // namespace hermitage::cli
