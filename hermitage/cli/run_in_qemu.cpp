// hermitage run by QEMU, with a boot loader of ours where the kernel needs one.
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
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
#include "hermitage/cli/input.hpp"
#include "hermitage/cli/network_hint.hpp"
#include "hermitage/cli/options.hpp"
#include "hermitage/cli/output.hpp"
#include "hermitage/cli/process.hpp"
#include "hermitage/entry/boot_protocol.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/entry/shell_word.hpp"
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

auto file_size(const std::string& path) -> OrFailure<std::uint64_t> {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return not_started(path, std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return not_started(path, "is a directory");
  if (!S_ISREG(status.st_mode)) return not_started(path, "is not a regular file");
  return static_cast<std::uint64_t>(status.st_size);
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

auto read_image(const RunOptions& options, bool warns) -> OrFailure<Image> {
  const auto& path = options.image;
  Image image;
  const auto size = file_size(options.file);
  if (!size) return std::unexpected{size.error()};
  image.size = *size;
  auto input = read_kernel(options.file);
  if (!input) return not_started(path, std::move(input.error()));
  if (!input->image) {
    const auto format = entry::detect_format(input->bytes);
    if (format != entry::Format::elf) return not_started(path, neither_kernel_nor_image(format));
    if (boots_by_itself(input->bytes)) {
      image.target = {.arch = Arch::x86_64};
      image.needs_loader = false;
      return image;
    }
    if (auto examined = examine_kernel(path, input->bytes, image); !examined) return std::unexpected{examined.error()};
    return image;
  }
  const auto& packed = *input->image;
  if (!packed) return not_started(path, packed.error().message());
  if (warns) {
    for (const auto& problem : packed->warnings()) warn(fmt::format("{}: {}", path, problem.message()));
  }
  image.is_packed = true;
  image.config = packed->config();
  if (auto examined = examine_kernel(path, packed->kernel(), image); !examined) {
    return std::unexpected{examined.error()};
  }
  return image;
}

// ---- What QEMU is called with

// The option that is given, and that means nothing, or cannot be had, in QEMU; null: none.
auto refused_option(const RunOptions& options, Arch arch, bool uses_kvm) -> const char* {
  const std::pair<bool, const char*> refused[] = {
      {options.affinity.has_value(), "--affinity"},
      {!options.file_mappings.empty(), "--file-mapping"},
      {options.io_mode.has_value(), "--io-mode"},
      {options.tempdir.has_value(), "--tempdir"},
      {options.temp_limit.has_value(), "--temp-limit"},
      {options.image_mode == "external", "--hermit-image-mode external"},
      {options.file_isolation.value_or("none") != "none", "--file-isolation"},
      {options.stats, "--stats"},
      {!options.stats_file.empty(), "--stats-file"},
      {options.trace, "--trace"},
      {options.verbose, "--verbose"},
      {options.timer && arch != Arch::x86_64, "--pit"},
      {options.manages_power && !uses_kvm, "--cpu-pm without KVM"},
  };
  const auto* const given = std::ranges::find(refused, true, &std::pair<bool, const char*>::first);
  return given == std::end(refused) ? nullptr : given->second;
}

auto names_accelerator(const RunOptions& options) -> bool {
  return std::ranges::find(options.qemu_args, "-accel") != options.qemu_args.end();
}

auto sandbox_of(const RunOptions& options) -> OrFailure<bool> {
  const auto sandbox = options.sandbox.value_or("normal");
  if (sandbox != "none" && sandbox != "normal") {
    return wrong_usage(fmt::format("--sandbox '{}': neither none nor normal", sandbox));
  }
  return sandbox == "normal";
}

auto not_in_qemu(const RunOptions& options, std::string message) -> std::unexpected<Failure> {
  return std::unexpected{Failure{.subject = options.image, .message = std::move(message), .is_the_engines = true}};
}

auto loader_of(const RunOptions& options, const Image& image) -> OrFailure<std::string> {
  if (!image.needs_loader) return std::string{};
  if (!options.loader.empty()) {
    if (const auto size = file_size(options.loader); !size) return std::unexpected{size.error()};
    return options.loader;
  }
  auto found = qemu::find_loader(image.target);
  if (!found) return not_in_qemu(options, std::move(found.error()));
  return *found;
}

// The words for the boot loader that the user wrote among those for the kernel. Those of an image are the kernel's.
auto take_loader_words(const RunOptions& options, base::Arguments& arguments) -> std::vector<std::string> {
  if (options.words.empty()) return {};
  const auto is_kernels = [](const std::string& word) { return !word.starts_with(entry::kLoaderWordBeginning); };
  const auto first = std::ranges::stable_partition(arguments.kernel, is_kernels).begin();
  std::vector<std::string> words{std::make_move_iterator(first), std::make_move_iterator(arguments.kernel.end())};
  arguments.kernel.erase(first, arguments.kernel.end());
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
auto plan_loader(const RunOptions& options, const Image& image, std::vector<std::string> words)
    -> OrFailure<LoaderPlan> {
  auto file = loader_of(options, image);
  if (!file) return std::unexpected{file.error()};
  LoaderPlan plan{.file = std::move(*file), .words = std::move(words), .handover = {}};
  if (plan.file.empty() || !qemu::tells_of_handover(plan.file)) return plan;
  plan.has_log = std::ranges::any_of(plan.words, [](const std::string& word) { return word.starts_with(kLogWord); });
  if (!plan.has_log) plan.words.push_back(fmt::format("{}warn", kLogWord));
  // A command line to be run by hand needs no handover line.
  if (options.dry_run) return plan;
  auto word = random_word();
  if (!word) return std::unexpected{word.error()};
  // The first of two counts.
  plan.words.insert(plan.words.begin(), fmt::format("{}{}", kHandoverWord, *word));
  plan.handover = std::move(*word);
  return plan;
}

struct Plan {
  qemu::Target target;
  qemu::CommandLine line;
  LoaderPlan loader;
  bool is_confined = true;
};

auto make_plan(const RunOptions& options, const Image& image) -> OrFailure<Plan> {
  const auto size = guest_size_of(options, image.config);
  if (!size) return std::unexpected{size.error()};
  if (const auto checked = base::check_memory_size(size->memory); !checked) return wrong_usage(checked.error());
  const auto has_sandbox = sandbox_of(options);
  if (!has_sandbox) return std::unexpected{has_sandbox.error()};
  const auto arch = image.target.arch;
  const bool uses_kvm = arch == Arch::x86_64 && !names_accelerator(options) && !why_no_kvm();
  if (const auto* const refused = refused_option(options, arch, uses_kvm)) {
    return std::unexpected{Failure{.exit_code = ExitCode::usage,
                                   .subject = {},
                                   .message = fmt::format("{} cannot be had in QEMU", refused),
                                   .is_the_engines = true}};
  }
  auto arguments = arguments_of(options, image.config);
  if (!arguments) return std::unexpected{arguments.error()};
  if (!image.takes_variables && !arguments->environment.empty()) {
    warn(
        fmt::format("{}: the kernel is older than Hermit 0.10 and gets no environment variables in QEMU; the {} given "
                    "are lost",
                    options.image, arguments->environment.size()));
  }
  auto loader = plan_loader(options, image, take_loader_words(options, *arguments));
  if (!loader) return std::unexpected{loader.error()};
  auto boot_arguments = base::boot_arguments(*arguments);
  if (!boot_arguments) return wrong_usage(std::move(boot_arguments.error()));
  if (!loader->words.empty()) {
    boot_arguments->insert(0, fmt::format("{}{}", fmt::join(loader->words, " "), boot_arguments->empty() ? "" : " "));
  }
  // All that the image asks for is there already, and what it asks for in vain must not be added by the loader.
  if (image.is_packed && arguments->application.empty()) *boot_arguments += " --";
  auto line = qemu::command_line({.target = image.target,
                                  .image = options.file,
                                  .image_size = image.size,
                                  .loader = loader->file,
                                  .boot_arguments = std::move(*boot_arguments),
                                  .memory_size = size->memory,
                                  .cpu_count = size->cpu_count,
                                  .uses_kvm = uses_kvm,
                                  .merges_pages = options.merges_pages,
                                  .manages_power = options.manages_power,
                                  .has_sandbox = *has_sandbox,
                                  .more = options.qemu_args});
  if (!line) return wrong_usage(std::move(line.error()));
  return Plan{
      .target = image.target, .line = std::move(*line), .loader = std::move(*loader), .is_confined = *has_sandbox};
}

// ---- The run

// Where the guest's output goes: standard output, a file that is made anew, or nowhere.
class Output {
 public:
  [[nodiscard]] static auto open(const RunOptions& options) -> OrFailure<Output> {
    Output output;
    if (!options.output) return output;
    output.number_ = -1;
    if (options.output == "none") return output;
    output.file_ = base::Descriptor{::open(options.output->c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (!output.file_.is_open()) return not_started(*options.output, std::strerror(errno));
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

auto end_of_guest(const RunOptions& options, const qemu::Ending& ending, const Complaints& complaints) -> ExitCode {
  if (const auto* const exit = std::get_if<qemu::GuestExit>(&ending)) return static_cast<ExitCode>(exit->code);
  if (const auto* const death = std::get_if<qemu::GuestDied>(&ending)) {
    complain(options.image, fmt::format("the guest died: {}", death->reason));
    return ExitCode::guest_died;
  }
  if (!complaints.has_errors()) complain(options.image, std::get<qemu::QemuFailed>(ending).reason);
  return ExitCode::not_started;
}

auto end_of_process(const RunOptions& options, const qemu::ProcessEnding& ending) -> ExitCode {
  hurry_errors();
  if (const auto* const stopped = std::get_if<qemu::Stopped>(&ending)) return end_after_signal(stopped->signal);
  if (const auto* const failed = std::get_if<qemu::OutputFailed>(&ending)) {
    complain_of_output(options, failed->error_number);
    return ExitCode::not_started;
  }
  complain_of_timeout(options);
  return ExitCode::timed_out;
}

// What the user gives QEMU may be a network.
auto gets_no_network(const RunOptions& options) -> bool {
  return options.qemu_args.empty();
}

auto run_plan(const RunOptions& options, TimeLimit& limit, const Plan& plan, const std::string& program)
    -> OrFailure<ExitCode> {
  const auto output = Output::open(options);
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
    const auto status = end_of_process(options, result->ending);
    if (result->undelivered > 0) {
      complain(options.image, fmt::format("{} bytes of output were not delivered", result->undelivered));
    }
    return status;
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
  if (exit != nullptr && gets_no_network(options) && network_hint.is_due(exit->code)) {
    complain(options.image, NetworkHint::kText);
  }
  return end_of_guest(options, end, complaints);
}

auto program_of(const RunOptions& options, qemu::Target target) -> OrFailure<std::string> {
  const auto name = qemu::program_name(target);
  if (auto program = qemu::find_program(name)) return *program;
  return not_in_qemu(options,
                     fmt::format("there is no {} to run it; install the package {}", name, qemu::package_name(target)));
}

// What is plain to see of the image tells more than what the monitor lacks on this host.
auto sentence_of(const QemuReason& reason, Arch arch) -> std::string {
  if (reason.sentence.empty() || arch == Arch::x86_64) return reason.sentence;
  return fmt::format("it is a kernel for {}", entry::name(arch));
}

// Both sentences in one, where it is not the user who wants QEMU.
auto with_reason(const RunOptions& options, const Failure& failure, const std::string& reason)
    -> std::unexpected<Failure> {
  if (reason.empty() || !failure.is_the_engines) return std::unexpected{failure};
  return not_started(options.image, fmt::format("{}; and not in QEMU: {}", reason, failure.message));
}

}  // namespace

auto run_in_qemu(const RunOptions& options, TimeLimit& limit, const QemuReason& reason) -> OrFailure<ExitCode> {
  const auto image = read_image(options, !reason.monitor_has_tried);
  if (!image) return std::unexpected{image.error()};
  const auto sentence = sentence_of(reason, image->target.arch);
  const auto plan = make_plan(options, *image);
  if (!plan) return with_reason(options, plan.error(), sentence);
  if (options.dry_run) return print_or_complain(qemu::shell_text(plan->line) + "\n");
  const auto program = program_of(options, plan->target);
  if (!program) return with_reason(options, program.error(), sentence);
  if (!sentence.empty()) complain(options.image, fmt::format("runs in QEMU: {}", sentence));
  return run_plan(options, limit, *plan, *program);
}

}  // namespace hermitage::cli
