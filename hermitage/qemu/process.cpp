#include "hermitage/qemu/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hermitage/guest/descriptor.hpp"

namespace hermitage::qemu {
namespace {

using Clock = std::chrono::steady_clock;
using guest::Descriptor;

constexpr int kFirstDescriptor = 3;
// From there on nothing is in the way of the descriptors that the program finds its files at.
constexpr int kSafeDescriptor = 100;
// A pipe that has room takes that much at once.
constexpr std::size_t kChunk = PIPE_BUF;
constexpr std::size_t kMaxLine = 4096;
// How long a program that was asked to end may take.
constexpr std::chrono::seconds kGrace{2};
constexpr std::array kEndingSignals{SIGINT, SIGTERM, SIGHUP};

auto failure(std::string_view what) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{}: {}", what, std::strerror(errno))};
}

auto out_of_the_way(const Descriptor& descriptor) -> Descriptor {
  return Descriptor{descriptor.is_open() ? ::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kSafeDescriptor) : -1};
}

struct Pipe {
  Descriptor reading;
  Descriptor writing;

  [[nodiscard]] static auto make() -> std::expected<Pipe, std::string> {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failure("no pipe");
    Pipe pipe{out_of_the_way(Descriptor{ends[0]}), out_of_the_way(Descriptor{ends[1]})};
    if (!pipe.reading.is_open() || !pipe.writing.is_open()) return failure("no pipe");
    return pipe;
  }
};

// Signals, as something to wait for, while it is there: those that end this process, unless they were ignored, and
// children's.
class WatchedSignals {
 public:
  WatchedSignals() {
    sigset_t watched;
    ::sigemptyset(&watched);
    for (const int signal : kEndingSignals) {
      // Who starts the program with a signal ignored, as nohup does, means it.
      struct sigaction action{};
      const bool is_ignored = ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
      if (!is_ignored) ::sigaddset(&watched, signal);
    }
    ::sigaddset(&watched, SIGCHLD);
    ::signal(SIGCHLD, SIG_DFL);
    ::sigprocmask(SIG_BLOCK, &watched, &before_);
    descriptor_ = Descriptor{::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK)};
  }
  WatchedSignals(const WatchedSignals&) = delete;
  auto operator=(const WatchedSignals&) -> WatchedSignals& = delete;
  ~WatchedSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] auto descriptor() const -> const Descriptor& { return descriptor_; }

  // The next signal that has come; 0: none.
  [[nodiscard]] auto next() const -> int {
    signalfd_siginfo info{};
    return ::read(descriptor_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

  // For the child: what a terminal sends to both of us, only we heed.
  void set_for_child() const {
    auto mask = before_;
    ::sigaddset(&mask, SIGINT);
    ::sigaddset(&mask, SIGHUP);
    ::sigdelset(&mask, SIGTERM);
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  }

 private:
  sigset_t before_{};
  Descriptor descriptor_;
};

// What a program does to the terminal and undoes when it ends, unless it is killed.
class TerminalState {
 public:
  TerminalState() : flags_{::fcntl(STDIN_FILENO, F_GETFL)}, is_terminal_{::tcgetattr(STDIN_FILENO, &state_) == 0} {}

  void restore() const {
    if (flags_ >= 0) ::fcntl(STDIN_FILENO, F_SETFL, flags_);
    if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSANOW, &state_);
  }

 private:
  termios state_{};
  int flags_;
  bool is_terminal_;
};

// Cuts what comes into lines.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& take) : take_{take} {}

  void add(std::string_view text) {
    for (;;) {
      const auto end = text.find('\n');
      line_ += text.substr(0, end);
      if (end == std::string_view::npos && line_.size() < kMaxLine) return;
      finish();
      if (end == std::string_view::npos) return;
      text.remove_prefix(end + 1);
    }
  }

  void finish() {
    if (!line_.empty() && take_) take_(line_);
    line_.clear();
  }

 private:
  const std::function<void(std::string_view)>& take_;
  std::string line_;
};

// The running program, and what there is to do for it meanwhile.
class Supervisor {
 public:
  Supervisor(pid_t child, Descriptor output, Descriptor errors, const WatchedSignals& signals,
             const ProcessOptions& options)
      : child_{child},
        output_{std::move(output)},
        errors_{std::move(errors)},
        signals_{signals},
        options_{options},
        lines_{options.on_error_line} {
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(errors_.get(), F_SETFL, O_NONBLOCK);
    if (options.timeout) end_at_ = Clock::now() + *options.timeout;
  }

  [[nodiscard]] auto run() -> ProcessEnding {
    while (!status_ || !is_drained_) wait();
    lines_.finish();
    if (was_killed_) terminal_.restore();
    return ending_.value_or(Ended{*status_});
  }

 private:
  void wait() {
    enum : std::size_t { kSignals, kErrors, kOutput };
    const bool has_pending = !pending_.empty();
    std::array<pollfd, 3> events{{{.fd = signals_.descriptor().get(), .events = POLLIN, .revents = 0},
                                  {.fd = errors_.get(), .events = POLLIN, .revents = 0},
                                  has_pending ? pollfd{.fd = options_.output, .events = POLLOUT, .revents = 0}
                                              : pollfd{.fd = output_.get(), .events = POLLIN, .revents = 0}}};
    const int ready = ::poll(events.data(), events.size(), milliseconds_left());
    if (ready == 0) return on_nothing();
    if (events[kSignals].revents != 0) heed_signals();
    if (events[kErrors].revents != 0) read_errors();
    if (events[kOutput].revents != 0) has_pending ? write_output() : read_output();
  }

  // Until when there is something to wait for. Of a program that has ended, only what is there already counts; but what
  // it wrote waits for whoever reads it.
  [[nodiscard]] auto milliseconds_left() const -> int {
    if (status_ && (pending_.empty() || ending_)) return 0;
    const auto until = ending_ ? kill_at_ : end_at_;
    if (!until) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }

  void on_nothing() {
    if (status_) return end_output();
    if (!ending_ && end_at_ && Clock::now() >= *end_at_) stop(TimedOut{});
    if (ending_ && Clock::now() >= *kill_at_) kill();
  }

  void end_output() {
    const bool was_told = std::exchange(was_told_of_end_, true);
    if (!was_told && !ending_ && options_.on_output) pass_on(options_.on_output({}));
    is_drained_ = pending_.empty();
  }

  void heed_signals() {
    for (int signal = signals_.next(); signal != 0; signal = signals_.next()) {
      if (signal != SIGCHLD) {
        stop(Stopped{signal});
        continue;
      }
      int status = 0;
      if (::waitpid(child_, &status, WNOHANG) == child_ && (WIFEXITED(status) || WIFSIGNALED(status))) {
        status_ = status;
      }
    }
  }

  void read_errors() {
    std::array<char, kChunk> buffer{};
    const auto got = ::read(errors_.get(), buffer.data(), buffer.size());
    if (got == 0) errors_ = Descriptor{};
    // What it says when we end it is not of interest.
    if (got > 0 && !ending_) lines_.add({buffer.data(), static_cast<std::size_t>(got)});
  }

  void read_output() {
    const auto got = ::read(output_.get(), buffer_.data(), buffer_.size());
    if (got == 0) output_ = Descriptor{};
    if (got <= 0) return;
    const std::string_view text{buffer_.data(), static_cast<std::size_t>(got)};
    pass_on(options_.on_output ? options_.on_output(text) : std::string{text});
  }

  void pass_on(std::string text) {
    if (options_.output >= 0) pending_ = std::move(text);
  }

  void write_output() {
    const auto written = ::write(options_.output, pending_.data(), std::min(pending_.size(), kChunk));
    if (written >= 0) {
      pending_.erase(0, static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      const int error_number = errno;
      pending_.clear();
      stop(OutputFailed{error_number});
    }
  }

  void stop(ProcessEnding ending) {
    if (status_) {
      // Too late for the program, but not for who waits for its output.
      pending_.clear();
      if (!ending_ && std::holds_alternative<OutputFailed>(ending)) ending_ = ending;
      is_drained_ = true;
      return;
    }
    if (ending_) return kill();
    ending_ = ending;
    kill_at_ = Clock::now() + kGrace;
    ::kill(child_, SIGTERM);
  }

  void kill() {
    was_killed_ = true;
    kill_at_ = Clock::now() + kGrace;
    ::kill(child_, SIGKILL);
  }

  pid_t child_;
  Descriptor output_;
  Descriptor errors_;
  const WatchedSignals& signals_;
  const ProcessOptions& options_;
  Lines lines_;
  TerminalState terminal_;
  std::optional<Clock::time_point> end_at_;
  std::optional<Clock::time_point> kill_at_;
  std::array<char, kChunk> buffer_{};
  std::string pending_;  // for the output
  std::optional<int> status_;
  std::optional<ProcessEnding> ending_;
  bool was_told_of_end_ = false;  // on_output
  bool is_drained_ = false;
  bool was_killed_ = false;
};

auto open_files(const std::vector<std::string>& paths) -> std::expected<std::vector<Descriptor>, std::string> {
  std::vector<Descriptor> files;
  for (const auto& path : paths) {
    auto file = out_of_the_way(Descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC)});
    if (!file.is_open()) return failure(path);
    files.push_back(std::move(file));
  }
  return files;
}

struct ChildStreams {
  int output;
  int errors;
  int failure;  // gets the error number when the program cannot be started
  std::span<const Descriptor> files;
};

// What the child does; nothing that needs memory.
[[noreturn]] void become(const char* program, char* const* words, const ChildStreams& streams, pid_t parent,
                         const WatchedSignals& signals) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  signals.set_for_child();
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_DFL);
  ::dup2(streams.output, STDOUT_FILENO);
  ::dup2(streams.errors, STDERR_FILENO);
  int number = kFirstDescriptor;
  for (const auto& file : streams.files) ::dup2(file.get(), number++);
  ::execv(program, words);
  const int error_number = errno;
  [[maybe_unused]] const auto written = ::write(streams.failure, &error_number, sizeof error_number);
  ::_exit(1);
}

auto pointers_to(std::vector<std::string>& words) -> std::vector<char*> {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

auto run_process(const std::string& program, const CommandLine& line, const ProcessOptions& options)
    -> std::expected<ProcessEnding, std::string> {
  const auto files = open_files(line.descriptors);
  if (!files) return std::unexpected{files.error()};
  auto output = Pipe::make();
  auto errors = Pipe::make();
  auto failure_pipe = Pipe::make();
  for (const auto* const pipe : {&output, &errors, &failure_pipe}) {
    if (!*pipe) return std::unexpected{pipe->error()};
  }
  auto words = line.words;
  const auto arguments = pointers_to(words);
  const WatchedSignals signals;
  if (!signals.descriptor().is_open()) return failure("no signal descriptor");

  const auto parent = ::getpid();
  const auto child = ::fork();
  if (child < 0) return failure("no process");
  if (child == 0) {
    become(program.c_str(), arguments.data(),
           {.output = output->writing.get(),
            .errors = errors->writing.get(),
            .failure = failure_pipe->writing.get(),
            .files = *files},
           parent, signals);
  }
  for (auto* const pipe : {&output, &errors, &failure_pipe}) (*pipe)->writing = Descriptor{};
  int error_number = 0;
  if (::read(failure_pipe->reading.get(), &error_number, sizeof error_number) == sizeof error_number) {
    ::waitpid(child, nullptr, 0);
    return std::unexpected{fmt::format("{}: {}", program, std::strerror(error_number))};
  }
  return Supervisor{child, std::move(output->reading), std::move(errors->reading), signals, options}.run();
}

}  // namespace hermitage::qemu
