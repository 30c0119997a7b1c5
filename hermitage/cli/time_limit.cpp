#include "hermitage/cli/time_limit.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "hermitage/cli/process.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/launch/run_request.hpp"

namespace hermitage::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

// For the signal handler. The line is written before the timer is set.
std::string last_line;
std::atomic<bool> has_line = false;
std::atomic<int> last_status = 0;

void end_process(int signal, siginfo_t* info, void* /*context*/) {
  // Sent by an alarm(2) of the parent program, or by kill(1).
  if (info->si_code != SI_TIMER) ::_exit(launch::status_after_signal(signal));
  pollfd reader{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (has_line && ::poll(&reader, 1, 0) > 0) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, last_line.data(), last_line.size());
  }
  ::_exit(last_status);
}

}  // namespace

TimeLimit::TimeLimit(std::optional<nanoseconds> limit, const std::string& subject) {
  struct sigaction action{};
  action.sa_sigaction = end_process;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGALRM, &action, nullptr);
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  auto timer = base::Timer::make(SIGALRM, nullptr);
  if (!timer) return;
  timer_.emplace(std::move(*timer));
  if (!limit) return;
  end_at_ = launch::time_after(process_start(), *limit);
  last_line = fmt::format("hermitage: {}: not started after {:g} s; stopped by --timeout\n",
                          inspect::printable(subject), std::chrono::duration<double>{*limit}.count());
  last_status = static_cast<int>(ExitCode::timed_out);
  has_line = true;
  timer_->set(*end_at_ - Clock::now());
}

TimeLimit::~TimeLimit() {
  leave();
}

void TimeLimit::begin_run() noexcept {
  has_line = false;
  const auto left = launch::time_until(end_at_);
  if (left && timer_) timer_->set(*left + std::min<nanoseconds>(kLastResort, nanoseconds::max() - *left));
}

void TimeLimit::end_with(ExitCode status) noexcept {
  last_status = static_cast<int>(status);
}

void TimeLimit::leave() noexcept {
  has_line = false;
  timer_.reset();
}

void TimeLimit::end_soon(ExitCode status) noexcept {
  if (is_ending_.exchange(true) || !timer_) return;
  last_status = static_cast<int>(status);
  timer_->set(kLastResort);
}

}  // namespace hermitage::cli
