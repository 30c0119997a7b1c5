// hermitage run by QEMU, with a boot loader of ours where the kernel needs one.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/arguments.hpp"
#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/memory_size.hpp"
#include "hermitage/cli/engines.hpp"
#include "hermitage/cli/network_hint.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/cli/progress.hpp"
#include "hermitage/cli/run_report.hpp"
#include "hermitage/cli/run_request.hpp"
#include "hermitage/entry/boot_protocol.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/shell_word.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_report.hpp"
#include "hermitage/qemu/boot_output.hpp"
#include "hermitage/qemu/command_line.hpp"
#include "hermitage/qemu/exit_status.hpp"
#include "hermitage/qemu/places.hpp"
#include "hermitage/qemu/process.hpp"
#include "hermitage/qemu/target.hpp"

namespace hermitage::cli {
namespace {

using entry::Arch;

constexpr std::string_view kLogWord = "hermitage.log=";
constexpr std::string_view kHandoverWord = "hermitage.handover=";

// What is to be run, as far as QEMU is to know of it.
struct Image {
  std::uint64_t size = 0;  // bytes
  qemu::Target target;
  bool needs_loader = true;
  bool is_packed = false;
  bool takes_variables = true;  // from its command line
  image::Config config;
};

// ---- The image

auto check_file(const std::string& path) -> OrFailure<void> {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return not_started(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return not_started(path, "is a directory");
  if (!S_ISREG(status.st_mode)) return not_started(path, "is not a regular file");
  return {};
}

// A kernel that says that it boots by PVH does so without a loader. That is of no use to a packed one: QEMU cannot
// unpack it, and the loader boots kernels by Hermit's own way.
auto boots_by_itself(std::span<const std::byte> elf) -> bool {
  const auto file = entry::ElfFile::open(elf);
  return file && entry::arch_of_machine(file->header().machine) == Arch::x86_64 &&
         entry::supports(*file, entry::BootProtocol::pvh);
}

auto examine_kernel(const std::string& path, std::span<const std::byte> elf, Image& image) -> OrFailure<void> {
  const auto kernel = entry::KernelObject::parse(elf);
  if (!kernel) return not_started(path, std::string{kernel.error().message().view()});
  image.target = {.arch = kernel->arch(), .endian = kernel->endian()};
  // Both are of 0.10: the word env=KEY=VALUE and the note with the version.
  image.takes_variables = kernel->hermit_version().has_value();
  return {};
}

auto read_kernel_alone(const std::string& name, launch::KernelSource& source, Image image) -> OrFailure<Image> {
  const auto kind = source.kind();
  const auto bytes = std::move(source).read();
  if (!bytes) return not_started(name, bytes.error());
  if (kind == launch::KernelSource::Kind::neither) {
    return not_started(name, launch::neither_kernel_nor_image(*bytes));
  }
  if (boots_by_itself(*bytes)) {
    image.target = {.arch = Arch::x86_64};
    image.needs_loader = false;
    return image;
  }
  if (auto examined = examine_kernel(name, *bytes, image); !examined) return std::unexpected{examined.error()};
  return image;
}

auto read_image(RunRequest& request, bool warns) -> OrFailure<Image> {
  const auto& name = request.options.image;
  Image image{.size = request.source.size(), .target = {}, .config = {}};
  if (request.source.kind() != launch::KernelSource::Kind::image) {
    return read_kernel_alone(name, request.source, std::move(image));
  }
  ProgressBar progress{request.source.path()};
  const auto packed = request.source.open_image({.contents = image::Contents::kernel, .progress = std::ref(progress)});
  if (!packed) return not_started(name, packed.error().message());
  if (warns) {
    for (const auto& problem : packed->warnings()) warn(fmt::format("{}: {}", name, problem.message()));
  }
  image.is_packed = true;
  image.config = packed->config();
  if (auto examined = examine_kernel(name, packed->kernel(), image); !examined) {
    return std::unexpected{examined.error()};
  }
  return image;
}

// ---- What QEMU is called with

// The option that is given, and that means nothing, or cannot be had, in QEMU; null: none.
auto refused_option(const RunOptions& options, const launch::LaunchSpec& spec, Arch arch, bool uses_kvm) -> const
    char* {
  using launch::FileIsolation;
  const std::pair<bool, const char*> refused[] = {
      {!spec.affinity.empty(), "--affinity"},
      {!spec.file_mappings.empty(), "--file-mapping"},
      {spec.io_mode.has_value(), "--io-mode"},
      {spec.tempdir.has_value(), "--tempdir"},
      {spec.temp_limit.has_value(), "--temp-limit"},
      {spec.image_mode == launch::ImageMode::external, "--hermit-image-mode external"},
      {spec.file_isolation.value_or(FileIsolation::none) != FileIsolation::none, "--file-isolation"},
      {spec.stats, "--stats"},
      {!options.stats_file.empty(), "--stats-file"},
      {options.trace, "--trace"},
      {options.verbose, "--verbose"},
      {spec.timer && arch != Arch::x86_64, "--pit"},
      {spec.manages_power && !uses_kvm, "--cpu-pm without KVM"},
  };
  const auto* const given = std::ranges::find(refused, true, &std::pair<bool, const char*>::first);
  return given == std::end(refused) ? nullptr : given->second;
}

auto names_accelerator(const launch::LaunchSpec& spec) -> bool {
  return std::ranges::find(spec.qemu_args, "-accel") != spec.qemu_args.end();
}

auto not_in_qemu(const std::string& image, std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.subject = image, .message = std::move(message), .is_the_engines = true}};
}

auto loader_of(const launch::LaunchSpec& spec, const Image& image) -> OrFailure<std::string> {
  if (!image.needs_loader) return std::string{};
  if (!spec.loader.empty()) {
    if (const auto checked = check_file(spec.loader); !checked) return std::unexpected{checked.error()};
    return spec.loader;
  }
  auto found = qemu::find_loader(image.target);
  if (!found) return not_in_qemu(spec.image, std::move(found.error()));
  return *found;
}

// The words for the boot loader that the user wrote among those for the kernel. Those of an image are the kernel's.
auto take_loader_words(launch::LaunchSpec& spec) -> std::vector<std::string> {
  if (!spec.has_words) return {};
  auto& kernel = spec.arguments.kernel;
  const auto is_kernels = [](const std::string& word) { return !word.starts_with(entry::kLoaderWordBeginning); };
  const auto first = std::ranges::stable_partition(kernel, is_kernels).begin();
  std::vector<std::string> words{std::make_move_iterator(first), std::make_move_iterator(kernel.end())};
  kernel.erase(first, kernel.end());
  return words;
}

auto random_word() -> OrFailure<std::string> {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return not_started("getrandom", std::strerror(errno));
  }
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// What the boot loader is told, and how its output is told from the guest's.
struct LoaderPlan {
  std::string file;  // empty: there is none
  std::vector<std::string> words;
  std::string handover;  // empty: it does not tell of the handover
  bool has_log = false;  // which is output, as the user wants it
};

// `words` are the user's.
auto plan_loader(const launch::LaunchSpec& spec, bool is_dry, const Image& image, std::vector<std::string> words)
    -> OrFailure<LoaderPlan> {
  auto file = loader_of(spec, image);
  if (!file) return std::unexpected{file.error()};
  LoaderPlan plan{.file = std::move(*file), .words = std::move(words), .handover = {}};
  if (plan.file.empty() || !qemu::tells_of_handover(plan.file)) return plan;
  plan.has_log = std::ranges::any_of(plan.words, [](const std::string& word) { return word.starts_with(kLogWord); });
  if (!plan.has_log) plan.words.push_back(fmt::format("{}warn", kLogWord));
  // A command line to be run by hand needs no handover line.
  if (is_dry) return plan;
  auto word = random_word();
  if (!word) return std::unexpected{word.error()};
  // The first of two counts.
  plan.words.insert(plan.words.begin(), fmt::format("{}{}", kHandoverWord, *word));
  plan.handover = std::move(*word);
  return plan;
}

struct Plan {
  launch::LaunchSpec spec;
  qemu::Target target;
  qemu::CommandLine line;
  LoaderPlan loader;
  bool is_confined = true;
};

auto make_plan(const RunRequest& request, const Image& image) -> OrFailure<Plan> {
  const auto& options = request.options;
  auto made = request.spec(image.config);
  if (!made) return std::unexpected{made.error()};
  auto spec = *std::move(made);
  if (const auto checked = base::check_memory_size(spec.memory_size); !checked) return wrong_usage(checked.error());
  const auto arch = image.target.arch;
  const bool uses_kvm = arch == Arch::x86_64 && !names_accelerator(spec) && !why_no_kvm();
  if (const auto* const refused = refused_option(options, spec, arch, uses_kvm)) {
    return std::unexpected{Failure{.kind = Failure::Kind::usage,
                                   .subject = {},
                                   .message = fmt::format("{} cannot be had in QEMU", refused),
                                   .is_the_engines = true}};
  }
  if (!image.takes_variables && !spec.arguments.environment.empty()) {
    warn(
        fmt::format("{}: the kernel is older than Hermit 0.10 and gets no environment variables in QEMU; the {} given "
                    "are lost",
                    spec.image, spec.arguments.environment.size()));
  }
  auto loader = plan_loader(spec, options.dry_run, image, take_loader_words(spec));
  if (!loader) return std::unexpected{loader.error()};
  auto boot_arguments = base::boot_arguments(spec.arguments);
  if (!boot_arguments) return wrong_usage(std::move(boot_arguments.error()));
  if (!loader->words.empty()) {
    boot_arguments->insert(0, fmt::format("{}{}", fmt::join(loader->words, " "), boot_arguments->empty() ? "" : " "));
  }
  // All that the image asks for is there already, and what it asks for in vain must not be added by the loader.
  if (image.is_packed && spec.arguments.application.empty()) *boot_arguments += " --";
  const bool has_sandbox = spec.has_sandbox.value_or(true);
  auto line = qemu::command_line({.target = image.target,
                                  .image = request.source.path(),
                                  .image_size = image.size,
                                  .loader = loader->file,
                                  .boot_arguments = std::move(*boot_arguments),
                                  .memory_size = spec.memory_size,
                                  .cpu_count = spec.cpu_count,
                                  .uses_kvm = uses_kvm,
                                  .merges_pages = spec.merges_pages,
                                  .manages_power = spec.manages_power,
                                  .has_sandbox = has_sandbox,
                                  .more = spec.qemu_args});
  if (!line) return wrong_usage(std::move(line.error()));
  return Plan{.spec = std::move(spec),
              .target = image.target,
              .line = std::move(*line),
              .loader = std::move(*loader),
              .is_confined = has_sandbox};
}

// ---- The run

// Where the guest's output goes: standard output, a file that is made anew, or nowhere.
class Output {
 public:
  [[nodiscard]] static auto open(const launch::Output& target) -> OrFailure<Output> {
    using Kind = launch::Output::Kind;
    Output output;
    if (target.kind == Kind::standard) return output;
    output.number_ = -1;
    if (target.kind == Kind::none) return output;
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

// What QEMU itself says.
class Complaints {
 public:
  void add(std::string_view line) {
    complain({}, line);
    has_errors_ = has_errors_ || line.find(": warning: ") == std::string_view::npos;
  }

  [[nodiscard]] auto has_errors() const -> bool { return has_errors_; }

 private:
  bool has_errors_ = false;
};

// What a guest does is seen by its output only. Says, once each, what it may mean that there is none, and what it means
// that the input has ended; and knows when the guest can take input.
class Watch {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Watch(std::string image) : image_{std::move(image)} {}

  // The kernel is entered, as far as that is known. Only the first time counts, here and below.
  void on_start() {
    if (!start_) start_ = Clock::now();
  }
  void on_output() { has_output_ = true; }
  void on_input_end(std::uint64_t size) {
    if (size > 0) input_ended_at_ = Clock::now();
  }

  // A kernel throws away what came before it set up the port, which it has when it prints, and long before the time is
  // over, if it prints nothing.
  [[nodiscard]] auto takes_input() const -> bool {
    return has_output_ || (start_ && Clock::now() >= *start_ + kInputDelay);
  }

  // Says what there is to say, and returns when to ask again.
  auto wake() -> std::optional<Clock::time_point> {
    const auto now = Clock::now();
    std::optional<Clock::time_point> next;
    const auto until = [&next, now](Clock::time_point time) {
      if (time > now && (!next || time < *next)) next = time;
      return time > now;
    };
    if (start_ && !has_output_) {
      until(*start_ + kInputDelay);
      if (!until(*start_ + kSilence) && !std::exchange(has_told_of_silence_, true)) tell_of_silence();
    }
    if (input_ended_at_ && !until(*input_ended_at_ + kInputEndDelay) && !std::exchange(has_told_of_end_, true)) {
      tell_of_end();
    }
    return next;
  }

 private:
  static constexpr std::chrono::seconds kInputDelay{1};
  static constexpr std::chrono::seconds kSilence{5};
  static constexpr std::chrono::seconds kInputEndDelay{2};

  void tell_of_silence() const {
    complain(image_, fmt::format("has printed nothing for {} s; a kernel that only knows a monitor never does in QEMU, "
                                 "and needs a host with KVM (hermitage doctor)",
                                 kSilence.count()));
  }
  void tell_of_end() const {
    complain(image_,
             "the input has ended, which no guest sees in QEMU: one that waits for more waits until it is "
             "stopped (Ctrl-C, --timeout)");
  }

  std::string image_;
  std::optional<Clock::time_point> start_;
  std::optional<Clock::time_point> input_ended_at_;
  bool has_output_ = false;
  bool has_told_of_silence_ = false;
  bool has_told_of_end_ = false;
};

auto end_of_guest(const qemu::Ending& ending, const Complaints& complaints) -> launch::Ending {
  if (const auto* const exit = std::get_if<qemu::GuestExit>(&ending)) return launch::GuestExited{exit->code};
  if (const auto* const death = std::get_if<qemu::GuestDied>(&ending)) return launch::GuestDied{death->reason};
  return launch::EngineFailed{complaints.has_errors() ? std::string{} : std::get<qemu::QemuFailed>(ending).reason};
}

// Of a process that did not end by itself.
auto end_of_process(const qemu::ProcessEnding& ending) -> launch::Ending {
  if (const auto* const stopped = std::get_if<qemu::Stopped>(&ending)) return launch::Stopped{stopped->signal};
  if (const auto* const failed = std::get_if<qemu::OutputFailed>(&ending)) {
    return launch::OutputFailed{failed->error_number};
  }
  return launch::TimedOut{};
}

auto tell(const launch::LaunchSpec& spec, const launch::RunReport& report) -> ExitCode {
  tell_of_ending(spec, report);
  tell_of_undelivered_output(spec, report);
  return exit_code_of(report);
}

// What the user gives QEMU may be a network.
auto gets_no_network(const launch::LaunchSpec& spec) -> bool {
  return spec.qemu_args.empty();
}

auto run_plan(const RunOptions& options, TimeLimit& limit, const Plan& plan, const std::string& program)
    -> OrFailure<ExitCode> {
  const auto& spec = plan.spec;
  const auto output = Output::open(spec.output);
  if (!output) return std::unexpected{output.error()};
  Complaints complaints;
  qemu::BootOutput boot_output{
      {.handover = plan.loader.handover, .has_log = plan.loader.has_log, .on_warning = [&](std::string_view line) {
         warn(fmt::format("{}: {}", options.image, line));
       }}};
  const bool has_boot_output = !plan.loader.handover.empty();
  Watch watch{options.image};
  if (!has_boot_output) watch.on_start();
  NetworkHint network_hint;
  bool has_printed = false;
  const auto take_output = [&](std::string_view text) {
    has_printed = has_printed || !text.empty();
    auto of_guest = !has_boot_output ? std::string{text} : text.empty() ? boot_output.finish() : boot_output.take(text);
    const bool has_started = !has_boot_output || boot_output.has_handed_over();
    if (has_started) watch.on_start();
    if (has_started && !of_guest.empty()) watch.on_output();
    if (has_started) network_hint.take(of_guest);
    return of_guest;
  };
  bool has_failed = false;
  qemu::ProcessOptions process{.output = output->number(),
                               .on_output = take_output,
                               .timeout = limit.remaining(),
                               .on_error_line =
                                   [&](std::string_view line) {
                                     complaints.add(line);
                                     has_failed = complaints.has_errors() && !has_printed;
                                   },
                               .is_confined = plan.is_confined,
                               .kept_descriptors = options.kept_descriptors,
                               .on_wake = [&] { return watch.wake(); }};
  // A terminal's user types when there is something to answer, and QEMU sets the terminal up. What standard input held
  // has become the image.
  if (options.image != "-" && ::fcntl(STDIN_FILENO, F_GETFD) >= 0 && ::isatty(STDIN_FILENO) == 0) {
    process.takes_input = [&watch] { return watch.takes_input(); };
    process.on_input_end = [&watch](std::uint64_t size) { watch.on_input_end(size); };
  }
  // The supervisor keeps the limit from here on. It handles signals between two messages, and must not wait for their
  // reader.
  limit.leave();
  hurry_errors();
  const auto result = qemu::run_process(program, plan.line, process);
  if (!result) return not_started(options.image, result.error());
  const auto* const ended = std::get_if<qemu::Ended>(&result->ending);
  if (ended == nullptr) {
    hurry_errors();
    return tell(spec, {.ending = end_of_process(result->ending), .undelivered = result->undelivered});
  }
  const bool has_handed_over = !has_boot_output || boot_output.has_handed_over();
  if (!has_handed_over && !boot_output.failure().empty()) {
    return not_started(options.image, fmt::format("the boot loader: {}", boot_output.failure()));
  }
  const auto end = qemu::ending_of(plan.target.arch, ended->status, has_failed);
  if (!has_handed_over && !std::holds_alternative<qemu::QemuFailed>(end)) {
    return not_started(options.image, "the machine ended before the boot loader entered the kernel, without a reason");
  }
  const auto* const exit = std::get_if<qemu::GuestExit>(&end);
  const bool lacked_network = exit != nullptr && gets_no_network(spec) && network_hint.is_due(exit->code);
  return tell(spec, {.ending = end_of_guest(end, complaints), .lacked_network = lacked_network});
}

auto program_of(const std::string& image, qemu::Target target) -> OrFailure<std::string> {
  const auto name = qemu::program_name(target);
  if (auto program = qemu::find_program(name)) return *program;
  return not_in_qemu(image,
                     fmt::format("there is no {} to run it; install the package {}", name, qemu::package_name(target)));
}

// What is plain to see of the image tells more than what the monitor lacks on this host.
auto sentence_of(const QemuReason& reason, Arch arch) -> std::string {
  if (reason.sentence.empty() || arch == Arch::x86_64) return reason.sentence;
  return fmt::format("it is a kernel for {}", entry::name(arch));
}

// Both sentences in one, where it is not the user who wants QEMU.
auto with_reason(const std::string& image, const Failure& failure, const std::string& reason)
    -> std::unexpected<Failure> {
  if (reason.empty() || !failure.is_the_engines) return std::unexpected{failure};
  return not_started(image, fmt::format("{}; and not in QEMU: {}", reason, failure.message));
}

}  // namespace

auto run_in_qemu(RunRequest& request, TimeLimit& limit, const QemuReason& reason) -> OrFailure<ExitCode> {
  const auto& options = request.options;
  const auto image = read_image(request, !reason.monitor_has_tried);
  if (!image) return std::unexpected{image.error()};
  const auto sentence = sentence_of(reason, image->target.arch);
  const auto plan = make_plan(request, *image);
  if (!plan) return with_reason(options.image, plan.error(), sentence);
  if (options.dry_run) return print_or_complain(qemu::shell_text(plan->line) + "\n");
  const auto program = program_of(options.image, plan->target);
  if (!program) return with_reason(options.image, program.error(), sentence);
  if (!sentence.empty()) complain(options.image, fmt::format("runs in QEMU: {}", sentence));
  return run_plan(options, limit, *plan, *program);
}

}  // namespace hermitage::cli
