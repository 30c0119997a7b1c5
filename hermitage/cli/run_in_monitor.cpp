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
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/network_hint.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/cli/time_limit.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/image/gunzip.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/inspect/quantities.hpp"
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
  if (auto* const limit = running_limit.load()) limit->end_soon(end_after_signal(signal));
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
  return std::unexpected{Failure{.exit_code = is_usage ? ExitCode::usage : ExitCode::not_started,
                                 .subject = subject,
                                 .message = std::move(error.message),
                                 .is_the_engines = !is_usage && error.code != ErrorCode::host_failed}};
}

auto parse_output(const std::optional<std::string>& output) -> vmm::OutputTarget {
  if (!output) return vmm::StandardOutput{};
  if (*output == "none") return vmm::NoOutput{};
  return vmm::OutputFile{*output};
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

auto read_guest(const std::string& path, vmm::MappedFile file) -> OrFailure<Guest> {
  Guest guest{.file = std::move(file)};
  const auto bytes = guest.file.bytes();
  const auto format = entry::detect_format(bytes);
  if (format == entry::Format::elf) return guest;
  if (format != entry::Format::gzip) return not_started(path, neither_kernel_nor_image(format));
  auto opened = image::Image::open(bytes);
  if (!opened) return not_started(path, opened.error().message());
  guest.image = std::move(*opened);
  return guest;
}

// A guest that can write to files of the host may write to its own kernel's, by whatever name it finds there: the file
// is read then, not mapped.
auto is_read(const RunOptions& options) -> bool {
  return !std::ranges::all_of(options.file_mappings, &base::FileMapping::is_read_only);
}

auto open_file(const RunOptions& options) -> vmm::Result<vmm::MappedFile> {
  auto file = vmm::MappedFile::open(options.file);
  if (!file || !is_read(options)) return file;
  auto read = std::move(*file).read();
  if (!read) return vmm::fail(read.error().code, fmt::format("{}: {}", options.image, read.error().message));
  return read;
}

auto open_guest(const RunOptions& options, bool passes_image) -> OrFailure<Guest> {
  const auto& path = options.image;
  auto file = open_file(options);
  if (!file) return not_started({}, std::move(file.error().message));
  auto guest = read_guest(path, std::move(*file));
  if (!guest || !guest->image) return guest;
  for (const auto& problem : guest->image->warnings()) warn(fmt::format("{}: {}", path, problem.message()));
  if (passes_image) {
    auto unpacked = image::gunzip(guest->file.bytes(), image::Limits{}.unpacked_size);
    if (!unpacked) return not_started(path, unpacked.error().message());
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

auto isolation_of(const RunOptions& options) -> OrFailure<vmm::IsolationOptions> {
  using vmm::FileIsolation;
  constexpr const char* kDefault = kCanBeWalledIn ? "normal" : "none";
  const auto files = options.file_isolation.value_or(kDefault);
  const auto sandbox = options.sandbox.value_or(kDefault);
  if (files != "none" && files != "normal" && files != "strict") {
    return wrong_usage(fmt::format("--file-isolation '{}': not one of none, normal and strict", files));
  }
  if (sandbox != "none" && sandbox != "normal") {
    return wrong_usage(fmt::format("--sandbox '{}': neither none nor normal", sandbox));
  }
  if (!kCanBeWalledIn && (files != "none" || sandbox != "none")) {
    return not_started({}, "this program was built with sanitizers, which have no place in a sandbox");
  }
  return vmm::IsolationOptions{.file_isolation = files == "none"     ? FileIsolation::none
                                                 : files == "strict" ? FileIsolation::strict
                                                                     : FileIsolation::normal,
                               .sandbox = sandbox == "normal",
                               .around_caller = true};
}

auto machine_options(const RunOptions& options) -> OrFailure<vmm::MachineOptions> {
  const auto size = guest_size_of(options, {});  // so far as the user says it
  if (!size) return std::unexpected{size.error()};
  auto affinity = options.affinity ? parse_affinity(*options.affinity) : std::vector<unsigned>{};
  if (!affinity) {
    return wrong_usage(fmt::format("--affinity '{}': not a list of processors such as 0-1,3", *options.affinity));
  }
  const auto isolation = isolation_of(options);
  if (!isolation) return std::unexpected{isolation.error()};
  vmm::MachineOptions machine{.memory_size = size->memory,
                              .cpu_count = size->cpu_count,
                              .affinity = std::move(*affinity),
                              .randomizes_addresses = !options.no_aslr,
                              .huge_pages = options.huge_pages,
                              .merges_pages = options.merges_pages,
                              .timer = options.timer,
                              .manages_power = options.manages_power,
                              .output = parse_output(options.output),
                              .isolation = *isolation};
  if (options.trace) {
    machine.trace = [](std::string_view line) { print_error(fmt::format("{}\n", inspect::printable(line))); };
  }
  machine.warn = [image = options.image](std::string_view line) { warn(fmt::format("{}: {}", image, line)); };
  machine.on_stop = hurry_errors;
  return machine;
}

auto wants_image_passed(const RunOptions& options) -> OrFailure<bool> {
  const auto mode = options.image_mode.value_or("external");
  if (mode != "external" && mode != "internal") {
    return wrong_usage(fmt::format("--hermit-image-mode '{}': neither external nor internal", mode));
  }
  return mode == "internal";
}

// One that was asked for has to be there. Of the usual one, only a guest finds out that makes a file.
auto tempdir_of(const RunOptions& options) -> OrFailure<std::string> {
  if (!options.tempdir) {
    const auto* const usual = std::getenv("TMPDIR");
    return usual != nullptr && *usual != '\0' ? usual : "/tmp";
  }
  // With a slash behind it, a file is no directory.
  if (::access((*options.tempdir + "/").c_str(), W_OK | X_OK) != 0) {
    return wrong_usage(fmt::format("--tempdir: '{}': {}", *options.tempdir, std::strerror(errno)));
  }
  return *options.tempdir;
}

auto files_of(const RunOptions& options, const Guest& guest, bool passes_image) -> OrFailure<vmm::GuestFiles> {
  auto tempdir = tempdir_of(options);
  if (!tempdir) return std::unexpected{tempdir.error()};
  vmm::GuestFileOptions made{.temporary_parent = std::move(*tempdir)};
  const auto limit = parse_size("--temp-limit", options.temp_limit, made.temporary_limit);
  if (!limit) return std::unexpected{limit.error()};
  made.temporary_limit = *limit;
  if (options.io_mode) {
    const auto mode = parse_io_mode(*options.io_mode);
    if (!mode) return wrong_usage(fmt::format("--io-mode '{}': not host=direct, host=sync or both", *options.io_mode));
    made.bypasses_cache = mode->is_direct;
    made.is_synchronous = mode->is_synchronous;
  }
  vmm::GuestFiles files{std::move(made)};
  if (guest.image && !passes_image) add_files(files, *guest.image);
  if (auto added = files.add_mappings(options.file_mappings); !added) {
    return wrong_usage(fmt::format("--file-mapping: {}", added.error().message));
  }
  return files;
}

// A machine, and what there is to do afterwards, when nothing can be opened any more.
struct Run {
  std::unique_ptr<NetworkHint> network_hint;  // which sees the machine's output
  std::optional<Machine> machine;
  vmm::arch::MemoryLayout layout;
  vmm::Descriptor image;
  std::optional<LateFile> stats_file;
};

auto prepare_run(const RunOptions& options, const TimeLimit& limit) -> OrFailure<Run> {
  auto machine = machine_options(options);
  if (!machine) return std::unexpected{machine.error()};
  const auto passes_image = wants_image_passed(options);
  if (!passes_image) return std::unexpected{passes_image.error()};
  std::optional<LateFile> stats_file;
  if (!options.stats_file.empty()) {
    auto opened = LateFile::open(options.stats_file);
    if (!opened) return std::unexpected{Failure{ExitCode::usage, options.stats_file, std::move(opened.error())}};
    stats_file = std::move(*opened);
  }
  auto guest = open_guest(options, *passes_image);
  if (!guest) return std::unexpected{guest.error()};

  const image::Config no_config;
  const auto& config = guest->image ? guest->image->config() : no_config;
  const auto size = guest_size_of(options, config);
  if (!size) return std::unexpected{size.error()};
  machine->memory_size = size->memory;
  machine->cpu_count = size->cpu_count;
  auto arguments = arguments_of(options, config);
  if (!arguments) return std::unexpected{arguments.error()};
  machine->arguments = std::move(*arguments);

  auto files = files_of(options, *guest, *passes_image);
  if (!files) return std::unexpected{files.error()};
  machine->image = guest->unpacked;
  machine->mounts = files->top_directories();
  machine->timeout = limit.remaining();
  auto hint = std::make_unique<NetworkHint>();
  machine->on_output = [seen = hint.get()](std::string_view output) { seen->take(output); };
  auto made = Machine::create(guest->kernel(), std::move(*machine), std::move(*files));
  if (!made) return failure_of(options.image, std::move(made.error()));
  const auto layout = made->layout();
  return Run{.network_hint = std::move(hint),
             .machine = std::move(*made),
             .layout = layout,
             .image = std::move(guest->file).release(),
             .stats_file = std::move(stats_file)};
}

// The registers of a guest that died, with the symbols of its kernel, if the image has not changed meanwhile.
void show_registers(const RunOptions& options, const vmm::GuestDeath& death, Run& run) {
  auto file = vmm::MappedFile::map(std::move(run.image));
  const auto guest = file ? read_guest(options.image, std::move(*file)) : not_started(options.image, {});
  const auto elf = guest ? guest->kernel().elf : std::span<const std::byte>{};
  print_error(registers_text(death, elf, run.layout, options.verbose));
}

auto exit_code_of(const vmm::Ending& ending, bool is_file_truncated) -> ExitCode {
  if (is_file_truncated) return ExitCode::guest_died;
  if (const auto* const exit = std::get_if<vmm::GuestExit>(&ending)) return static_cast<ExitCode>(exit->code & 0xff);
  if (const auto* const stopped = std::get_if<vmm::Stopped>(&ending)) return end_after_signal(stopped->reason);
  if (std::holds_alternative<vmm::TimedOut>(ending)) return ExitCode::timed_out;
  return std::holds_alternative<vmm::OutputFailed>(ending) ? ExitCode::not_started : ExitCode::guest_died;
}

// Says how the run ended, where its exit status does not.
void tell_of(const RunOptions& options, const vmm::Ending& ending, bool is_file_truncated, Run& run) {
  if (is_file_truncated) {
    return complain(options.image, "the file was truncated while its guest ran (SIGBUS); the guest was stopped");
  }
  if (const auto* const exit = std::get_if<vmm::GuestExit>(&ending)) {
    if (run.network_hint->is_due(exit->code)) complain(options.image, NetworkHint::kText);
  } else if (std::holds_alternative<vmm::TimedOut>(ending)) {
    complain_of_timeout(options);
  } else if (const auto* const failed = std::get_if<vmm::OutputFailed>(&ending)) {
    complain_of_output(options, failed->error_number);
  } else if (const auto* const death = std::get_if<vmm::GuestDeath>(&ending)) {
    complain(options.image, fmt::format("the guest died: {}", death->reason));
    show_registers(options, *death, run);
  }
}

auto report(const RunOptions& options, const vmm::RunResult& result, std::optional<LateFile>& stats_file) -> ExitCode {
  if (result.undelivered_output != 0) {
    complain(options.image, fmt::format("{} bytes of output were not delivered: their reader did not take them in time",
                                        result.undelivered_output));
  }
  if (options.stats) print_error(statistics_text(result.statistics));
  if (!stats_file) return ExitCode::good;
  if (const auto written = stats_file->write(statistics_json(result.statistics)); !written) {
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

auto run_in_monitor(const RunOptions& options, TimeLimit& limit) -> OrFailure<ExitCode> {
  const BusErrors bus_errors{end_run_after_bus_error};
  auto run = prepare_run(options, limit);
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
  const bool is_file_truncated = BusErrors::take();
  const auto exit_code = exit_code_of(result->ending, is_file_truncated);
  TimeLimit::end_with(exit_code);
  tell_of(options, result->ending, is_file_truncated, *run);
  const auto reported = report(options, *result, run->stats_file);
  limit.leave();
  return exit_code == ExitCode::good ? reported : exit_code;
}

}  // namespace hermitage::cli
