// hermitage run by the monitor, on KVM.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/cli/bus_errors.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/monitor_report.hpp"
#include "hermitage/cli/network_hint.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/cli/run_request.hpp"
#include "hermitage/cli/time_limit.hpp"
#include "hermitage/image/gunzip.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/inspect/quantities.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/vmm/arch/x86_64/virtualization.hpp"
#include "hermitage/vmm/host.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"

namespace hermitage::cli {
namespace {

using vmm::Machine;

// The machine that a signal ends, and what sees to it that it ends soon.
std::atomic<Machine*> running_machine = nullptr;
std::atomic<TimeLimit*> running_limit = nullptr;

void end_run(int signal) {
  if (auto* const limit = running_limit.load())
    limit->end_soon(static_cast<ExitCode>(launch::status_after_signal(signal)));
  if (auto* const machine = running_machine.load()) machine->stop(signal);
}

void end_run_after_bus_error() {
  if (auto* const machine = running_machine.load()) machine->stop(SIGBUS);
}

// While it is there, the signals by which people end programs end the guest, and the rest is cleaned up. Nothing else
// that happens to output or files ends the program behind its back.
class SignalsEndRun {
 public:
  SignalsEndRun(Machine& machine, TimeLimit& limit) {
    running_limit = &limit;
    running_machine = &machine;
    struct sigaction action{};
    action.sa_handler = end_run;
    action.sa_flags = SA_RESTART;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      // Who starts the program with a signal ignored, as nohup does, means it.
      struct sigaction before{};
      if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
        ::sigaction(signal, &action, nullptr);
      }
    }
  }
  SignalsEndRun(const SignalsEndRun&) = delete;
  auto operator=(const SignalsEndRun&) -> SignalsEndRun& = delete;
  ~SignalsEndRun() {
    forget_machine();
    running_limit = nullptr;
  }

  // The machine is gone: a signal still limits what is left to do.
  static void forget_machine() { running_machine = nullptr; }
};

// What this monitor cannot do with a kernel or a host, another engine may be able to.
auto failure_of(const std::string& subject, vmm::Error error) -> std::unexpected<Failure> {
  using vmm::ErrorCode;
  const bool is_usage = error.code == ErrorCode::configuration;
  return std::unexpected{Failure{.kind = is_usage ? Failure::Kind::usage : Failure::Kind::not_started,
                                 .subject = subject,
                                 .message = std::move(error.message),
                                 .is_the_engines = !is_usage && error.code != ErrorCode::host_failed}};
}

auto output_target(const launch::Output& output) -> vmm::OutputTarget {
  switch (output.kind) {
    case launch::Output::Kind::standard: return vmm::StandardOutput{};
    case launch::Output::Kind::none: return vmm::NoOutput{};
    case launch::Output::Kind::file: return vmm::OutputFile{output.path};
  }
  return vmm::StandardOutput{};
}

// What is to be run: a kernel, and what the image around it says and holds. Of these, the guest needs nothing any more
// once its machine is made.
struct Guest {
  vmm::MappedFile file;
  std::optional<image::Image> image = std::nullopt;
  std::vector<std::byte> unpacked = {};  // the image as the kernel is to find it, if it is

  [[nodiscard]] auto kernel() const -> vmm::KernelSource {
    if (image) return {.elf = image->kernel()};
    return {.elf = file.bytes(), .descriptor = file.descriptor()};
  }
};

auto read_guest(const std::string& name, launch::KernelSource::Kind kind, vmm::MappedFile file) -> OrFailure<Guest> {
  using Kind = launch::KernelSource::Kind;
  Guest guest{.file = std::move(file)};
  const auto bytes = guest.file.bytes();
  if (kind == Kind::kernel) return guest;
  if (kind == Kind::neither) return not_started(name, launch::neither_kernel_nor_image(bytes));
  auto opened = image::Image::open(bytes);
  if (!opened) return not_started(name, opened.error().message());
  guest.image = std::move(*opened);
  return guest;
}

// A guest that can write to files of the host may write to its own kernel's, by whatever name it finds there: the file
// is read then, not mapped.
auto is_read(const launch::LaunchSpec& spec) -> bool {
  return !std::ranges::all_of(spec.file_mappings, &base::FileMapping::is_read_only);
}

auto map_file(const launch::LaunchSpec& spec, const launch::KernelSource& source) -> OrFailure<vmm::MappedFile> {
  auto descriptor = source.duplicate();
  if (!descriptor) return not_started(spec.image, std::move(descriptor.error()));
  auto file = vmm::MappedFile::map(std::move(*descriptor));
  if (file && is_read(spec)) file = std::move(*file).read();
  if (!file) return not_started(spec.image, std::move(file.error().message));
  return *std::move(file);
}

auto open_guest(const launch::LaunchSpec& spec, const launch::KernelSource& source) -> OrFailure<Guest> {
  auto file = map_file(spec, source);
  if (!file) return std::unexpected{file.error()};
  auto guest = read_guest(spec.image, source.kind(), *std::move(file));
  if (!guest || !guest->image) return guest;
  for (const auto& problem : guest->image->warnings()) warn(fmt::format("{}: {}", spec.image, problem.message()));
  if (spec.image_mode == launch::ImageMode::internal) {
    auto unpacked = image::gunzip(guest->file.bytes(), image::Limits{}.unpacked_size);
    if (!unpacked) return not_started(spec.image, unpacked.error().message());
    guest->unpacked = std::move(*unpacked);
  }
  return guest;
}

// The image's own files, as the guest sees them.
void add_files(vmm::GuestFiles& files, const image::Image& image) {
  for (const auto& file : image.files()) {
    switch (file.kind) {
      case image::FileKind::regular: files.add_file(file.path, file.contents, file.size, file.mode); break;
      case image::FileKind::directory: files.add_directory(file.path); break;
      case image::FileKind::symbolic_link: files.add_link(file.path, file.link_target); break;
    }
  }
}

// Sanitizers make system calls, and look into files, at any time: a program that has them runs without isolation.
#ifdef HERMITAGE_HAS_SANITIZERS
constexpr bool kCanBeWalledIn = false;
#else
constexpr bool kCanBeWalledIn = true;
#endif

auto isolation_of(const launch::LaunchSpec& spec) -> OrFailure<vmm::IsolationOptions> {
  using launch::FileIsolation;
  const auto files = spec.file_isolation.value_or(kCanBeWalledIn ? FileIsolation::normal : FileIsolation::none);
  const auto has_sandbox = spec.has_sandbox.value_or(kCanBeWalledIn);
  if (!kCanBeWalledIn && (files != FileIsolation::none || has_sandbox)) {
    return not_started({}, "this program was built with sanitizers, which have no place in a sandbox");
  }
  return vmm::IsolationOptions{.file_isolation = files == FileIsolation::none     ? vmm::FileIsolation::none
                                                 : files == FileIsolation::strict ? vmm::FileIsolation::strict
                                                                                  : vmm::FileIsolation::normal,
                               .sandbox = has_sandbox,
                               .around_caller = true};
}

auto machine_options(const RunOptions& options, const launch::LaunchSpec& spec, const vmm::IsolationOptions& isolation)
    -> vmm::MachineOptions {
  vmm::MachineOptions machine{.memory_size = spec.memory_size,
                              .cpu_count = spec.cpu_count,
                              .affinity = spec.affinity,
                              .randomizes_addresses = spec.randomizes_addresses,
                              .huge_pages = spec.huge_pages,
                              .merges_pages = spec.merges_pages,
                              .timer = spec.timer,
                              .manages_power = spec.manages_power,
                              .ends_in_background = true,
                              .arguments = spec.arguments,
                              .output = output_target(spec.output),
                              .isolation = isolation};
  if (options.trace) {
    machine.trace = [](std::string_view line) { print_error(fmt::format("{}\n", inspect::printable(line))); };
  }
  machine.warn = [image = spec.image](std::string_view line) { warn(fmt::format("{}: {}", image, line)); };
  machine.on_stop = hurry_errors;
  return machine;
}

// One that was asked for has to be there. Of the usual one, only a guest finds out that makes a file.
auto tempdir_of(const launch::LaunchSpec& spec) -> OrFailure<std::string> {
  if (!spec.tempdir) {
    const auto* const usual = std::getenv("TMPDIR");
    return usual != nullptr && *usual != '\0' ? usual : "/tmp";
  }
  // With a slash behind it, a file is no directory.
  if (::access((*spec.tempdir + "/").c_str(), W_OK | X_OK) != 0) {
    return wrong_usage(fmt::format("--tempdir: '{}': {}", *spec.tempdir, std::strerror(errno)));
  }
  return *spec.tempdir;
}

auto files_of(const launch::LaunchSpec& spec, const Guest& guest) -> OrFailure<vmm::GuestFiles> {
  auto tempdir = tempdir_of(spec);
  if (!tempdir) return std::unexpected{tempdir.error()};
  vmm::GuestFileOptions made{.temporary_parent = std::move(*tempdir)};
  made.temporary_limit = spec.temp_limit.value_or(made.temporary_limit);
  const auto mode = spec.io_mode.value_or(launch::IoMode{});
  made.bypasses_cache = mode.is_direct;
  made.is_synchronous = mode.is_synchronous;
  vmm::GuestFiles files{std::move(made)};
  if (guest.image && spec.image_mode != launch::ImageMode::internal) add_files(files, *guest.image);
  if (auto added = files.add_mappings(spec.file_mappings); !added) {
    return wrong_usage(fmt::format("--file-mapping: {}", added.error().message));
  }
  return files;
}

// A machine, and what there is to do afterwards, when nothing can be opened any more.
struct Run {
  launch::LaunchSpec spec;
  launch::KernelSource::Kind kind = launch::KernelSource::Kind::kernel;
  std::unique_ptr<NetworkHint> network_hint;  // which sees the machine's output
  std::optional<Machine> machine;
  vmm::arch::MemoryLayout layout;
  vmm::Descriptor image;
  std::optional<LateFile> stats_file;
};

auto open_stats_file(const RunOptions& options) -> OrFailure<std::optional<LateFile>> {
  if (options.stats_file.empty()) return std::nullopt;
  auto opened = LateFile::open(options.stats_file);
  if (opened) return *std::move(opened);
  return std::unexpected{
      Failure{.kind = Failure::Kind::usage, .subject = options.stats_file, .message = std::move(opened.error())}};
}

auto prepare_run(const RunRequest& request, const TimeLimit& limit) -> OrFailure<Run> {
  const auto& options = request.options;
  const auto without_image = launch::make_launch_spec(options.image, request.sources);
  if (!without_image) return std::unexpected{without_image.error()};
  const auto isolation = isolation_of(*without_image);
  if (!isolation) return std::unexpected{isolation.error()};
  auto stats_file = open_stats_file(options);
  if (!stats_file) return std::unexpected{stats_file.error()};
  auto guest = open_guest(*without_image, request.source);
  if (!guest) return std::unexpected{guest.error()};

  auto spec = request.spec(guest->image ? guest->image->config() : image::Config{});
  if (!spec) return std::unexpected{spec.error()};
  auto files = files_of(*spec, *guest);
  if (!files) return std::unexpected{files.error()};
  auto machine = machine_options(options, *spec, *isolation);
  machine.image = guest->unpacked;
  machine.mounts = files->top_directories();
  machine.timeout = limit.remaining();
  auto hint = std::make_unique<NetworkHint>();
  machine.on_output = [seen = hint.get()](std::string_view output) { seen->take(output); };
  auto made = Machine::create(guest->kernel(), std::move(machine), std::move(*files));
  if (!made) return failure_of(options.image, std::move(made.error()));
  const auto layout = made->layout();
  return Run{.spec = *std::move(spec),
             .kind = request.source.kind(),
             .network_hint = std::move(hint),
             .machine = std::move(*made),
             .layout = layout,
             .image = std::move(guest->file).release(),
             .stats_file = *std::move(stats_file)};
}

// The registers of a guest that died, with the symbols of its kernel, if the image has not changed meanwhile.
void show_registers(const RunOptions& options, const vmm::GuestDeath& death, Run& run) {
  auto file = vmm::MappedFile::map(std::move(run.image));
  const auto guest = file ? read_guest(options.image, run.kind, std::move(*file)) : not_started(options.image, {});
  const auto elf = guest ? guest->kernel().elf : std::span<const std::byte>{};
  print_error(registers_text(death, elf, run.layout, options.verbose));
}

auto ending_of(const vmm::Ending& ending) -> launch::Ending {
  if (const auto* const exit = std::get_if<vmm::GuestExit>(&ending)) return launch::GuestExited{exit->code};
  if (const auto* const death = std::get_if<vmm::GuestDeath>(&ending)) return launch::GuestDied{death->reason};
  if (const auto* const stopped = std::get_if<vmm::Stopped>(&ending)) return launch::Stopped{stopped->reason};
  if (const auto* const failed = std::get_if<vmm::OutputFailed>(&ending)) {
    return launch::OutputFailed{failed->error_number};
  }
  return launch::TimedOut{};
}

auto report_on(const vmm::RunResult& result, bool is_file_truncated, const NetworkHint& hint) -> launch::RunReport {
  const auto* const exit = std::get_if<vmm::GuestExit>(&result.ending);
  return {.ending = is_file_truncated ? launch::FileTruncated{} : ending_of(result.ending),
          .undelivered = result.undelivered_output,
          .lacked_network = exit != nullptr && hint.is_due(exit->code)};
}

auto tell_statistics(const RunOptions& options, const vmm::Statistics& statistics, Run& run) -> ExitCode {
  if (run.spec.stats) print_error(statistics_text(statistics));
  if (!run.stats_file) return ExitCode::good;
  if (const auto written = run.stats_file->write(statistics_json(statistics)); !written) {
    complain(options.stats_file, written.error());
    return ExitCode::usage;
  }
  return ExitCode::good;
}

}  // namespace

auto why_no_monitor() -> std::optional<std::string> {
  if (vmm::x86_64::can_virtualize()) return std::nullopt;
  return why_no_kvm();
}

auto why_no_kvm() -> std::optional<std::string> {
  auto tried = vmm::try_kvm();
  if (tried) return std::nullopt;
  return std::move(tried.error().message);
}

auto check_monitor() -> std::vector<base::HostCheck> {
  return vmm::check_host();
}

auto run_in_monitor(RunRequest& request, TimeLimit& limit) -> OrFailure<ExitCode> {
  const auto& options = request.options;
  const BusErrors bus_errors{end_run_after_bus_error};
  auto run = prepare_run(request, limit);
  if (BusErrors::take()) return not_started(options.image, "the file was truncated while it was read (SIGBUS)");
  if (!run) return std::unexpected{std::move(run.error())};
  // What its owner would find in the memory of a monitor that a guest has taken over.
  close_descriptors(options.kept_descriptors);
  erase_environment();
  limit.begin_run();
  const SignalsEndRun signals{*run->machine, limit};
  const auto result = run->machine->run();
  if (!result) return not_started(options.image, result.error().message);
  // The private directory goes with it, before anybody has to read what there is to say.
  SignalsEndRun::forget_machine();
  run->machine.reset();
  const auto report = report_on(*result, BusErrors::take(), *run->network_hint);
  const auto exit_code = exit_code_of(report);
  TimeLimit::end_with(exit_code);
  tell_of_ending(run->spec, report);
  const auto* const death = std::get_if<vmm::GuestDeath>(&result->ending);
  if (death != nullptr && std::holds_alternative<launch::GuestDied>(report.ending)) {
    show_registers(options, *death, *run);
  }
  tell_of_undelivered_output(run->spec, report);
  const auto told = tell_statistics(options, result->statistics, *run);
  limit.leave();
  return exit_code == ExitCode::good ? told : exit_code;
}

}  // namespace hermitage::cli
