#include "hermitage/qemu/process.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
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

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/privileges.hpp"

namespace hermitage::qemu {
namespace {

using Clock = std::chrono::steady_clock;
using base::Descriptor;

// Descriptors from here on do not collide with those at which the program finds its files.
constexpr int kSafeDescriptor = 100;
// A writable pipe accepts this many bytes at once.
constexpr std::size_t kChunk = PIPE_BUF;
constexpr std::size_t kMaxLine = 4096;
// The time that the program has to exit after SIGTERM.
constexpr std::chrono::milliseconds kGrace{200};
// The time that the reader of its output then has.
constexpr std::chrono::milliseconds kLastChance{200};
// The limit on output that is kept for that reader.
constexpr std::size_t kMaxPending = std::size_t{1} << 20;
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
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failure("pipe2");
    Pipe pipe{out_of_the_way(Descriptor{ends[0]}), out_of_the_way(Descriptor{ends[1]})};
    if (!pipe.reading.is_open() || !pipe.writing.is_open()) return failure("fcntl(F_DUPFD_CLOEXEC)");
    return pipe;
  }
};

// While an object of this class exists, a descriptor reports SIGCHLD and the signals that end this process, unless they
// were ignored.
class WatchedSignals {
 public:
  WatchedSignals() {
    sigset_t watched;
    ::sigemptyset(&watched);
    for (const int signal : kEndingSignals) {
      // A signal that was ignored at the start, as by nohup, stays ignored.
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

  // The next pending signal; 0: none.
  [[nodiscard]] auto next() const -> int {
    signalfd_siginfo info{};
    return ::read(descriptor_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

  // For the child: signals that the terminal sends to both processes are handled only by this one.
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

// Restores the settings of the terminal if the program is killed before it can do so.
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

// Splits data into lines.
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

// Forwards standard input to the program. It reads little in advance, because bytes that the program does not read are
// lost for other readers of standard input.
class Input {
 public:
  Input() = default;
  explicit Input(Descriptor pipe) : pipe_{std::move(pipe)} {
    ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(pipe_.get(), F_SETPIPE_SZ, static_cast<int>(kChunk));
  }

  [[nodiscard]] auto is_open() const -> bool { return pipe_.is_open(); }
  [[nodiscard]] auto count() const -> std::uint64_t { return count_; }

  // The descriptor and events to wait for.
  [[nodiscard]] auto event() const -> pollfd {
    return pending_.empty() ? pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}
                            : pollfd{.fd = pipe_.get(), .events = POLLOUT, .revents = 0};
  }

  // Called when these events have occurred.
  void pass_on() { pending_.empty() ? read() : write(); }

 private:
  void read() {
    pending_.resize(kChunk);
    const auto got = ::read(STDIN_FILENO, pending_.data(), pending_.size());
    pending_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) pipe_ = Descriptor{};
  }

  void write() {
    const auto written = ::write(pipe_.get(), pending_.data(), pending_.size());
    if (written > 0) {
      count_ += static_cast<std::uint64_t>(written);
      pending_.erase(0, static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      pipe_ = Descriptor{};
    }
  }

  Descriptor pipe_;
  std::string pending_;
  std::uint64_t count_ = 0;
};

// The running program, and its event loop.
class Supervisor {
 public:
  Supervisor(pid_t child, Descriptor output, Descriptor errors, Input input, const WatchedSignals& signals,
             const ProcessOptions& options)
      : child_{child},
        output_{std::move(output)},
        errors_{std::move(errors)},
        input_{std::move(input)},
        signals_{signals},
        options_{options},
        lines_{options.on_error_line} {
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(errors_.get(), F_SETFL, O_NONBLOCK);
    if (options.timeout) end_at_ = Clock::now() + *options.timeout;
  }

  [[nodiscard]] auto run() -> ProcessResult {
    while (!is_done()) wait();
    lines_.finish();
    if (was_killed_) terminal_.restore();
    return {.ending = ending_.value_or(Ended{status_.value_or(0)}), .undelivered = undelivered_ + pending_.size()};
  }

 private:
  // After the program has exited, only pending output is forwarded; it waits for its reader, unless the run is being
  // stopped.
  [[nodiscard]] auto is_done() const -> bool {
    if (!status_ || !was_told_of_end_) return false;
    return pending_.empty() || (ending_ && Clock::now() >= give_up_at_);
  }

  void wait() {
    heed_time();
    enum : std::size_t { kSignals, kErrors, kOutput, kReader, kInput };
    constexpr pollfd kNothing{.fd = -1, .events = 0, .revents = 0};
    std::array<pollfd, 5> events{{{.fd = signals_.descriptor().get(), .events = POLLIN, .revents = 0},
                                  {.fd = errors_.get(), .events = POLLIN, .revents = 0},
                                  kNothing,
                                  kNothing,
                                  kNothing}};
    // Only its reader can block the program, until it is stopped.
    if (pending_.empty() || ending_) events[kOutput] = {.fd = output_.get(), .events = POLLIN, .revents = 0};
    if (!pending_.empty()) events[kReader] = {.fd = options_.output, .events = POLLOUT, .revents = 0};
    if (input_.is_open() && !ending_ && options_.takes_input()) events[kInput] = input_.event();
    const bool has_all_output = ::poll(events.data(), events.size(), milliseconds_left()) >= 0 && status_ &&
                                events[kOutput].fd == output_.get() && events[kOutput].revents == 0 &&
                                events[kErrors].revents == 0;
    if (events[kSignals].revents != 0) heed_signals();
    if (events[kErrors].revents != 0) read_errors();
    if (events[kOutput].revents != 0) read_output();
    if (events[kReader].revents != 0) write_output();
    if (events[kInput].revents != 0) pass_input_on();
    if (has_all_output) end_output();
  }

  // The time of the next event.
  [[nodiscard]] auto milliseconds_left() const -> int {
    if (status_ && !was_told_of_end_ && (pending_.empty() || ending_)) return 0;
    auto until = wake_at_;
    const auto add = [&until](std::optional<Clock::time_point> time) {
      if (time && (!until || *time < *until)) until = time;
    };
    if (!ending_) add(end_at_);
    if (ending_ && !status_) add(kill_at_);
    if (ending_ && status_) add(give_up_at_);
    if (!until) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
  }

  void heed_time() {
    if (!ending_ && end_at_ && Clock::now() >= *end_at_) stop(TimedOut{});
    if (ending_ && !status_ && Clock::now() >= kill_at_) kill();
    if (options_.on_wake && !ending_ && !status_) wake_at_ = options_.on_wake();
    if (ending_ || status_) wake_at_.reset();
  }

  void end_output() {
    if (std::exchange(was_told_of_end_, true) || ending_ || !options_.on_output) return;
    pass_on(options_.on_output({}));
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
    // Ignore messages that it prints because it was stopped.
    if (got > 0 && !ending_) lines_.add({buffer.data(), static_cast<std::size_t>(got)});
  }

  void read_output() {
    const auto got = ::read(output_.get(), buffer_.data(), buffer_.size());
    if (got == 0) output_ = Descriptor{};
    if (got <= 0) return;
    const std::string_view text{buffer_.data(), static_cast<std::size_t>(got)};
    pass_on(options_.on_output ? options_.on_output(text) : std::string{text});
  }

  void pass_on(const std::string& text) {
    if (options_.output < 0 || (ending_ && std::holds_alternative<OutputFailed>(*ending_))) return;
    if (pending_.size() + text.size() > kMaxPending) {
      undelivered_ += text.size();
    } else {
      pending_ += text;
    }
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

  void pass_input_on() {
    input_.pass_on();
    if (!input_.is_open() && options_.on_input_end) options_.on_input_end(input_.count());
  }

  void stop(ProcessEnding ending) {
    if (ending_) return hurry();
    ending_ = ending;
    kill_at_ = Clock::now() + kGrace;
    give_up_at_ = Clock::now() + kLastChance;
    if (!status_) ::kill(child_, SIGTERM);
  }

  // Called for the second request to end.
  void hurry() {
    if (!status_) return kill();
    undelivered_ += pending_.size();
    pending_.clear();
  }

  void kill() {
    was_killed_ = true;
    kill_at_ = Clock::now() + kGrace;
    ::kill(child_, SIGKILL);
  }

  pid_t child_;
  Descriptor output_;
  Descriptor errors_;
  Input input_;
  const WatchedSignals& signals_;
  const ProcessOptions& options_;
  Lines lines_;
  TerminalState terminal_;
  std::optional<Clock::time_point> end_at_;
  std::optional<Clock::time_point> wake_at_;
  Clock::time_point kill_at_;     // once it is to end
  Clock::time_point give_up_at_;  // the same
  std::array<char, kChunk> buffer_{};
  std::string pending_;  // for the output
  std::uint64_t undelivered_ = 0;
  std::optional<int> status_;
  std::optional<ProcessEnding> ending_;
  bool was_told_of_end_ = false;  // on_output
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

struct Child {
  const char* program;
  char* const* words;
  int input;  // -1: that of this process
  int output;
  int errors;
  int failure;  // receives a ChildFailure if the program cannot be started
  std::span<const Descriptor> descriptors;
  std::span<const NeededFile> files;
  std::span<const int> kept;  // inherited descriptors
  bool is_confined;
};

struct ChildFailure {
  const char* call;  // null: execve, or `file`; the child's memory has the same addresses
  int file;          // of Child::files; -1: none
  int error_number;
};

[[noreturn]] void give_up(const Child& child, const char* call, int file = -1) {
  const ChildFailure failure{.call = call, .file = file, .error_number = errno};
  [[maybe_unused]] const auto written = ::write(child.failure, &failure, sizeof failure);
  ::_exit(1);
}

// Closes the descriptors from `first` up to, but not including, `end`.
void close_all(int first, int end) {
  if (first < end) ::close_range(static_cast<unsigned>(first), static_cast<unsigned>(end) - 1, 0);
}

// Closes inherited descriptors, too.
void close_others(const Child& child) {
  int first = kFirstDescriptor + static_cast<int>(child.descriptors.size());
  bool has_failure_pipe = false;
  const auto keep = [&first](int number) {
    close_all(first, number);
    first = std::max(first, number + 1);
  };
  for (const int number : child.kept) {
    if (!has_failure_pipe && child.failure < number) keep(child.failure);
    has_failure_pipe = has_failure_pipe || child.failure < number;
    keep(number);
  }
  if (!has_failure_pipe) keep(child.failure);
  close_all(first, INT_MAX);
}

void confine(const Child& child) {
  if (const auto* const call = base::forbid_new_privileges()) give_up(child, call);
  if (const auto* const call = base::drop_capabilities()) give_up(child, call);
  for (std::size_t i = 0; i < child.files.size(); ++i) {
    const auto& file = child.files[i];
    const int descriptor = ::open(file.path.c_str(), (file.is_written ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (descriptor < 0) give_up(child, nullptr, static_cast<int>(i));
    ::close(descriptor);
  }
  close_others(child);
}

// Runs in the child after fork(2), so it must not allocate memory.
[[noreturn]] void become(const Child& child, pid_t parent, const WatchedSignals& signals) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  signals.set_for_child();
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGXFSZ, SIG_DFL);
  if (child.input >= 0) ::dup2(child.input, STDIN_FILENO);
  ::dup2(child.output, STDOUT_FILENO);
  ::dup2(child.errors, STDERR_FILENO);
  int number = kFirstDescriptor;
  for (const auto& file : child.descriptors) ::dup2(file.get(), number++);
  if (child.is_confined) confine(child);
  ::execv(child.program, child.words);
  give_up(child, nullptr);
}

auto sentence_of(const Child& child, const ChildFailure& failure) -> std::string {
  const auto* const reason = std::strerror(failure.error_number);
  if (failure.call != nullptr) {
    return fmt::format("cannot isolate QEMU: {}: {}; --sandbox none disables isolation", failure.call, reason);
  }
  if (failure.file < 0) return fmt::format("{}: {}", child.program, reason);
  return fmt::format("{}: {}; QEMU runs without capabilities, so let this user open the file, or use --sandbox none",
                     child.files[static_cast<std::size_t>(failure.file)].path, reason);
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
    -> std::expected<ProcessResult, std::string> {
  const auto descriptors = open_files(line.descriptors);
  if (!descriptors) return std::unexpected{descriptors.error()};
  auto output = Pipe::make();
  auto errors = Pipe::make();
  auto failure_pipe = Pipe::make();
  auto input = options.takes_input ? Pipe::make() : std::expected<Pipe, std::string>{};
  for (const auto* const pipe : {&output, &errors, &failure_pipe, &input}) {
    if (!*pipe) return std::unexpected{pipe->error()};
  }
  auto words = line.words;
  const auto arguments = pointers_to(words);
  const WatchedSignals signals;
  if (!signals.descriptor().is_open()) return failure("signalfd");

  const Child child{.program = program.c_str(),
                    .words = arguments.data(),
                    .input = input->reading.get(),
                    .output = output->writing.get(),
                    .errors = errors->writing.get(),
                    .failure = failure_pipe->writing.get(),
                    .descriptors = *descriptors,
                    .files = line.files,
                    .kept = options.kept_descriptors,
                    .is_confined = options.is_confined};
  const auto parent = ::getpid();
  const auto id = ::fork();
  if (id < 0) return failure("fork");
  if (id == 0) become(child, parent, signals);
  for (auto* const pipe : {&output, &errors, &failure_pipe}) (*pipe)->writing = Descriptor{};
  input->reading = Descriptor{};
  ChildFailure child_failure{};
  if (::read(failure_pipe->reading.get(), &child_failure, sizeof child_failure) == sizeof child_failure) {
    ::waitpid(id, nullptr, 0);
    return std::unexpected{sentence_of(child, child_failure)};
  }
  return Supervisor{id,
                    std::move(output->reading),
                    std::move(errors->reading),
                    options.takes_input ? Input{std::move(input->writing)} : Input{},
                    signals,
                    options}
      .run();
}

}  // namespace hermitage::qemu
