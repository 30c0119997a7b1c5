#include "hermitage/launch/in_qemu.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/program.hpp"
#include "hermitage/entry/arch.hpp"
#include "hermitage/launch/guest_watch.hpp"
#include "hermitage/launch/monitor_host.hpp"
#include "hermitage/launch/output_hints.hpp"
#include "hermitage/launch/qemu_image.hpp"
#include "hermitage/launch/qemu_plan.hpp"
#include "hermitage/qemu/boot_output.hpp"
#include "hermitage/qemu/exit_status.hpp"
#include "hermitage/qemu/places.hpp"
#include "hermitage/qemu/process.hpp"

namespace hermitage::launch {
namespace {

using Clock = RunRequest::Clock;

// The destination of the guest's output: standard output, a new or truncated file, or none.
class OutputFile {
 public:
  [[nodiscard]] static auto open(const Output& target) -> OrFailure<OutputFile> {
    OutputFile output;
    if (target.kind == Output::Kind::standard) return output;
    output.number_ = -1;
    if (target.kind == Output::Kind::none) return output;
    output.file_ = base::Descriptor{::open(target.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!output.file_.is_open()) return not_started(target.path, std::strerror(errno));
    output.number_ = output.file_.get();
    return output;
  }

  [[nodiscard]] auto number() const -> int { return number_; }

 private:
  base::Descriptor file_;
  int number_ = STDOUT_FILENO;
};

// Reads the output of the guest and of QEMU, and derives their states from it.
class Observation {
 public:
  Observation(const QemuPlan& plan, const RunCallbacks& callbacks)
      : callbacks_{callbacks},
        image_{plan.spec.image},
        has_boot_output_{!plan.handover.empty()},
        boot_output_{{.handover = plan.handover,
                      .has_log = plan.has_loader_log,
                      .on_warning =
                          [this](auto line) {
                            if (callbacks_.warn) callbacks_.warn(fmt::format("{}: {}", image_, line));
                          }}},
        watch_{[this](std::string_view message) { tell(image_, message); }} {
    if (!has_boot_output_) watch_.on_start(Clock::now());
  }
  Observation(const Observation&) = delete;
  auto operator=(const Observation&) -> Observation& = delete;
  ~Observation() = default;

  // Returns the part of the output that is the guest's. An empty string marks the end of the output.
  auto take_output(std::string_view text) -> std::string {
    has_printed_ = has_printed_ || !text.empty();
    auto of_guest = !has_boot_output_ ? std::string{text}
                    : text.empty()    ? boot_output_.finish()
                                      : boot_output_.take(text);
    if (!has_handed_over()) return of_guest;
    watch_.on_start(Clock::now());
    if (!of_guest.empty()) watch_.on_output();
    hints_.take(of_guest);
    return of_guest;
  }

  // Takes a line of QEMU's standard error.
  void take_error(std::string_view line) {
    tell({}, line);
    has_errors_ = has_errors_ || line.find(": warning: ") == std::string_view::npos;
    has_failed_ = has_errors_ && !has_printed_;
  }

  [[nodiscard]] auto watch() -> GuestWatch& { return watch_; }
  [[nodiscard]] auto has_handed_over() const -> bool { return !has_boot_output_ || boot_output_.has_handed_over(); }
  [[nodiscard]] auto loader_failure() const -> const std::string& { return boot_output_.failure(); }
  [[nodiscard]] auto has_errors() const -> bool { return has_errors_; }
  // QEMU reported an error before any output.
  [[nodiscard]] auto has_failed() const -> bool { return has_failed_; }
  [[nodiscard]] auto hints() const -> const OutputHints& { return hints_; }

 private:
  void tell(std::string_view subject, std::string_view message) const {
    if (callbacks_.tell) callbacks_.tell(subject, message);
  }

  const RunCallbacks& callbacks_;
  const std::string& image_;
  bool has_boot_output_;
  qemu::BootOutput boot_output_;
  GuestWatch watch_;
  OutputHints hints_;
  bool has_printed_ = false;
  bool has_errors_ = false;
  bool has_failed_ = false;
};

auto end_of_guest(const qemu::Ending& ending, bool has_errors) -> Ending {
  if (const auto* const exit = std::get_if<qemu::GuestExit>(&ending)) return GuestExited{exit->code};
  if (const auto* const crash = std::get_if<qemu::GuestCrashed>(&ending)) return GuestCrashed{crash->reason};
  return EngineFailed{has_errors ? std::string{} : std::get<qemu::QemuFailed>(ending).reason};
}

// The ending of a process that was stopped.
auto end_of_process(const qemu::ProcessEnding& ending) -> Ending {
  if (const auto* const stopped = std::get_if<qemu::Stopped>(&ending)) return Stopped{stopped->signal};
  if (const auto* const failed = std::get_if<qemu::OutputFailed>(&ending)) return OutputFailed{failed->error_number};
  return TimedOut{};
}

// With arguments of the user for QEMU, the guest may have a network that the spec does not describe.
auto gets_no_network(const LaunchSpec& spec) -> bool {
  return spec.qemu_args.empty() && spec.network.mode == base::NetworkMode::none;
}

auto report_on(const QemuPlan& plan, const qemu::ProcessResult& result, const Observation& observed)
    -> OrFailure<RunReport> {
  const auto& spec = plan.spec;
  const auto* const ended = std::get_if<qemu::Ended>(&result.ending);
  if (ended == nullptr) return RunReport{.ending = end_of_process(result.ending), .undelivered = result.undelivered};
  if (!observed.has_handed_over() && !observed.loader_failure().empty()) {
    return not_started(spec.image, fmt::format("boot loader: {}", observed.loader_failure()));
  }
  const auto end = qemu::ending_of(plan.target.arch, ended->status, observed.has_failed());
  if (!observed.has_handed_over() && !std::holds_alternative<qemu::QemuFailed>(end)) {
    return not_started(spec.image,
                       "the virtual machine ended before the boot loader entered the kernel, without an error message");
  }
  const auto* const exit = std::get_if<qemu::GuestExit>(&end);
  const auto& hints = observed.hints();
  return RunReport{.ending = end_of_guest(end, observed.has_errors()),
                   .lacked_network = exit != nullptr && gets_no_network(spec) && hints.lacked_network(exit->code),
                   .lacked_memory = exit != nullptr && hints.lacked_memory(exit->code)};
}

auto program_of(const std::string& image, qemu::Target target) -> OrFailure<std::string> {
  const auto name = qemu::program_name(target);
  if (auto program = base::find_program(name)) return *program;
  return not_in_qemu(image,
                     fmt::format("{} is not installed; install the package {}", name, qemu::package_name(target)));
}

// The architecture of the kernel is a clearer reason than what this host lacks for the monitor.
auto sentence_of(std::string reason, entry::Arch arch) -> std::string {
  if (reason.empty() || arch == monitor_arch().value_or(arch)) return reason;
  return fmt::format("the kernel is for {}", entry::name(arch));
}

// Combines both reasons, unless the user selected QEMU.
auto with_reason(const std::string& image, const Failure& failure, const std::string& reason)
    -> std::unexpected<Failure> {
  if (reason.empty() || !failure.is_the_engines) return std::unexpected{failure};
  return not_started(image, fmt::format("{}; QEMU cannot run it either: {}", reason, failure.text));
}

}  // namespace

class QemuRun::State {
 public:
  QemuPlan plan;
  std::string reason;
  std::optional<Clock::time_point> deadline;
  RunCallbacks callbacks;
  std::vector<int> kept_descriptors;
  std::string program;  // set by open(), like the members below
  OutputFile output;
};

QemuRun::QemuRun(std::unique_ptr<State> state) noexcept : state_{std::move(state)} {}
QemuRun::QemuRun(QemuRun&&) noexcept = default;
QemuRun::~QemuRun() = default;

auto QemuRun::prepare(RunRequest& request, QemuOptions options) -> OrFailure<QemuRun> {
  const auto image = read_for_qemu(request, !options.monitor_has_tried);
  if (!image) return std::unexpected{image.error()};
  auto reason = sentence_of(std::move(options.reason), image->target.arch);
  auto plan = plan_for_qemu(request, *image, options);
  if (!plan) return with_reason(request.image, plan.error(), reason);
  return QemuRun{std::make_unique<State>(State{.plan = std::move(*plan),
                                               .reason = std::move(reason),
                                               .deadline = request.deadline,
                                               .callbacks = request.callbacks,
                                               .kept_descriptors = std::move(options.kept_descriptors),
                                               .program = {},
                                               .output = {}})};
}

auto QemuRun::spec() const noexcept -> const LaunchSpec& {
  return state_->plan.spec;
}

auto QemuRun::shell_text() const -> std::string {
  return qemu::shell_text(state_->plan.line);
}

auto QemuRun::open() -> OrFailure<void> {
  const auto& image = spec().image;
  auto program = program_of(image, state_->plan.target);
  if (!program) return with_reason(image, program.error(), state_->reason);
  state_->program = *std::move(program);
  if (!state_->reason.empty() && state_->callbacks.tell) {
    state_->callbacks.tell(image, fmt::format("runs in QEMU: {}", state_->reason));
  }
  if (spec().debug && state_->callbacks.tell) {
    state_->callbacks.tell(image, debugger_notice(*spec().debug, qemu::debugger_address(spec().debug->place)));
  }
  auto output = OutputFile::open(spec().output);
  if (!output) return std::unexpected{output.error()};
  state_->output = *std::move(output);
  return {};
}

auto QemuRun::run() -> OrFailure<RunReport> {
  Observation observed{state_->plan, state_->callbacks};
  auto& watch = observed.watch();
  qemu::ProcessOptions process{.output = state_->output.number(),
                               .on_output = [&observed](std::string_view text) { return observed.take_output(text); },
                               .timeout = time_until(state_->deadline),
                               .on_error_line = [&observed](std::string_view line) { observed.take_error(line); },
                               .is_confined = state_->plan.is_confined,
                               .kept_descriptors = state_->kept_descriptors,
                               .on_wake = [&watch] { return watch.wake(Clock::now()); }};
  // On a terminal, input is not held back: users type when the guest asks, and QEMU configures the terminal. With the
  // image "-", standard input contained the image.
  if (spec().image != "-" && ::fcntl(STDIN_FILENO, F_GETFD) >= 0 && ::isatty(STDIN_FILENO) == 0) {
    process.takes_input = [&watch] { return watch.takes_input(Clock::now()); };
    process.on_input_end = [&watch](std::uint64_t size) { watch.on_input_end(Clock::now(), size); };
  }
  const auto result = qemu::run_process(state_->program, state_->plan.line, process);
  if (!result) return not_started(spec().image, result.error());
  return report_on(state_->plan, *result, observed);
}

}  // namespace hermitage::launch
