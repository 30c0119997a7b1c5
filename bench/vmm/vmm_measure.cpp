// Runs programs in turn, and prints the measured values. It needs no other files, so that it runs in the lab and on
// the host.
//
// usage: vmm_measure ROUNDS LIMIT_SECONDS <SUBJECTS
//
// SUBJECTS has one line for each program, with fields separated by tabs: a name, and the arguments of the command.
// The programs run in turn (measuring::for_each_in_turn). Each time, a program runs once normally, and once more with
// a trace of the kernel if that is possible (as root, with the events of KVM). The program prints one line of JSON
// for each:
//   subject         its name
//   status          the exit status, or 128 plus the signal
//   wall_us         time from before the fork to the end
//   cpu_us          user and system time
//   peak_kib        the maximum resident memory; at least that of this program
//   first_run_us    time from exec to the first KVM_RUN; null if not traced
//   first_entry_us  time from exec to the first entry of the guest; null if not traced (some KVMs do not report it)
//   each_ns         the time of one operation, from the program's last "NUMBER ticks each" in the processor's time
//   stamps; null if it prints none. Other output of programs is discarded.
// Exit status: 0; 1 if a measurement failed; 2 wrong usage.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/measuring.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using measuring::die;
using measuring::read_all;
using measuring::Subject;

struct Run {
  int status = 0;
  std::int64_t wall_us = 0;
  std::int64_t cpu_us = 0;
  long peak_kib = 0;
  std::optional<std::int64_t> each_ns;
};

struct FirstEvents {
  std::optional<std::int64_t> run_us;
  std::optional<std::int64_t> entry_us;
};

auto write_to(const std::string& file, std::string_view text, int flags = 0) -> bool {
  const auto fd = open(file.c_str(), O_WRONLY | O_CLOEXEC | flags);
  if (fd < 0) return false;
  const auto written = write(fd, text.data(), text.size());
  close(fd);
  return written == static_cast<ssize_t>(text.size());
}

// A separate trace (tracefs, instances/) of this program's children. It does not affect other traces.
class Trace {
 public:
  // Returns nothing, and prints a message to standard error, if the kernel cannot be traced.
  static auto open_if_possible() -> std::optional<Trace> {
    if (access("/sys/kernel/tracing/events", F_OK) != 0) {
      // In a private mount namespace, so that the mount ends with this process.
      const auto mounted = unshare(CLONE_NEWNS) == 0 && mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, nullptr) == 0;
      if (!mounted) return refuse("tracefs cannot be mounted");
    }
    if (mkdir(kInstance, 0700) != 0 && errno != EEXIST) return refuse(kInstance);
    const std::string instance = kInstance;
    const auto ready = write_to(instance + "/options/event-fork", "1") &&
                       write_to(instance + "/options/overwrite", "0") &&  // keep the first events
                       write_to(instance + "/set_event_pid", std::to_string(getpid())) &&
                       write_to(instance + "/events/kvm/kvm_fpu/filter", "load == 1") &&
                       write_to(instance + "/events/kvm/kvm_fpu/enable", "1") &&
                       write_to(instance + "/events/kvm/kvm_entry/enable", "1") &&
                       write_to(instance + "/events/sched/sched_process_exec/enable", "1");
    if (!ready) {
      rmdir(kInstance);
      return refuse("KVM cannot be traced");
    }
    return Trace();
  }

  void clear() const {
    if (!write_to(std::string(kInstance) + "/trace", "", O_TRUNC)) die("trace");
  }

  [[nodiscard]] auto first_events() const -> FirstEvents {
    const auto fd = open((std::string(kInstance) + "/trace").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) die("trace");
    const auto text = read_all(fd);
    close(fd);
    const auto exec = time_of_first(text, ": sched_process_exec: ");
    if (!exec) return {};
    const auto since_exec = [&](std::string_view event) -> std::optional<std::int64_t> {
      const auto time = time_of_first(text, event);
      return time ? std::optional(*time - *exec) : std::nullopt;
    };
    return {.run_us = since_exec(": kvm_fpu: "), .entry_us = since_exec(": kvm_entry: ")};
  }

  static void remove() { rmdir(kInstance); }

 private:
  static constexpr auto kInstance = "/sys/kernel/tracing/instances/hermitage_bench";

  Trace() = default;

  static auto refuse(const std::string& what) -> std::optional<Trace> {
    std::fprintf(stderr, "vmm_measure: the time to the first entry is not measured: %s: %s\n", what.c_str(),
                 std::strerror(errno));
    return std::nullopt;
  }

  // The time in microseconds. A line is `COMM-PID [CPU] FLAGS SECONDS.MICROSECONDS: EVENT: …`.
  static auto time_of_first(const std::string& text, std::string_view event) -> std::optional<std::int64_t> {
    const auto end = text.find(event);
    if (end == std::string::npos) return std::nullopt;
    const auto begin = text.rfind(' ', end) + 1;
    const auto point = text.find('.', begin);
    return std::stoll(text.substr(begin, point - begin)) * 1'000'000 +
           std::stoll(text.substr(point + 1, end - point - 1));
  }
};

[[noreturn]] void execute(const std::vector<std::string>& command, int output) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const auto null = open("/dev/null", O_RDWR);
  if (null < 0) _exit(127);
  dup2(null, 0);
  dup2(output, 1);
  dup2(null, 2);
  close(null);
  measuring::become(command);
}

auto microseconds(const timeval& time) -> std::int64_t {
  return time.tv_sec * 1'000'000 + time.tv_usec;
}

// SIGCHLD must be blocked: its arrival ends the wait.
auto run(const Subject& subject, int limit_seconds) -> Run {
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);

  const auto output = memfd_create("output", MFD_CLOEXEC);
  if (output < 0) die("memfd_create");
  const auto begin = Clock::now();
  const auto child = fork();
  if (child < 0) die("fork");
  if (child == 0) execute(subject.words, output);
  const timespec limit{.tv_sec = limit_seconds, .tv_nsec = 0};
  if (sigtimedwait(&child_ended, nullptr, &limit) < 0) kill(child, SIGKILL);
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) die("wait4");
  const auto end = Clock::now();
  const timespec now{};
  sigtimedwait(&child_ended, nullptr, &now);  // of a child that was killed
  lseek(output, 0, SEEK_SET);
  const auto each_ns = measuring::each_ns_in(read_all(output));
  close(output);
  return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .wall_us = std::chrono::duration_cast<std::chrono::microseconds>(end - begin).count(),
          .cpu_us = microseconds(usage.ru_utime) + microseconds(usage.ru_stime),
          .peak_kib = usage.ru_maxrss,
          .each_ns = each_ns};
}

auto json(std::optional<std::int64_t> number) -> std::string {
  return number ? std::to_string(*number) : "null";
}

void print(const Subject& subject, const Run& run, const FirstEvents& first) {
  std::printf(
      "{\"subject\": \"%s\", \"status\": %d, \"wall_us\": %lld, \"cpu_us\": %lld, \"peak_kib\": %ld, "
      "\"first_run_us\": %s, \"first_entry_us\": %s, \"each_ns\": %s}\n",
      subject.name.c_str(), run.status, static_cast<long long>(run.wall_us), static_cast<long long>(run.cpu_us),
      run.peak_kib, json(first.run_us).c_str(), json(first.entry_us).c_str(), json(run.each_ns).c_str());
  std::fflush(stdout);
}

}  // namespace

auto main(int argc, char** argv) -> int {
  const auto rounds = argc == 3 ? std::atoi(argv[1]) : 0;
  const auto limit_seconds = argc == 3 ? std::atoi(argv[2]) : 0;
  if (rounds < 1 || limit_seconds < 1) {
    std::fputs("usage: vmm_measure ROUNDS LIMIT_SECONDS <SUBJECTS\n", stderr);
    return 2;
  }
  sigset_t child_ended;
  sigemptyset(&child_ended);
  sigaddset(&child_ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_ended, nullptr);

  auto subjects = measuring::read_subjects(1);
  const auto trace = Trace::open_if_possible();
  measuring::for_each_in_turn(subjects, rounds, [&](const Subject& subject) {
    FirstEvents first;
    if (trace) {
      trace->clear();
      run(subject, limit_seconds);
      first = trace->first_events();
    }
    print(subject, run(subject, limit_seconds), first);
  });
  if (trace) Trace::remove();
}
