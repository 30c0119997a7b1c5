#include "hermitage/cli/run_options.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "hermitage/cli/commands.hpp"
#include "hermitage/cli/options.hpp"

namespace hermitage::cli {
namespace {

auto set_cpu_count(RunOptions& options, const char* argument) -> Outcome {
  options.cpu_count = launch::parse_cpu_count(argument);
  if (!options.cpu_count) return std::unexpected{std::string{"not a number above 0"}};
  return {};
}

auto set_engine(RunOptions& options, const char* argument) -> Outcome {
  options.engine = launch::parse_engine(argument);
  if (!options.engine) return std::unexpected{std::string{"not one of auto, kvm and qemu"}};
  return {};
}

constexpr const char* kNoSeconds = "not a number of seconds above 0";

auto parse_seconds(const char* argument) -> std::optional<double> {
  constexpr double kMaxSeconds = 1e9;
  char* end = nullptr;
  const double seconds = std::strtod(argument, &end);
  if (end == argument || *end != '\0' || !(seconds > 0) || seconds > kMaxSeconds) return std::nullopt;
  return seconds;
}

auto set_timeout(RunOptions& options, const char* argument) -> Outcome {
  options.timeout_seconds = parse_seconds(argument);
  if (!options.timeout_seconds) return std::unexpected{std::string{kNoSeconds}};
  return {};
}

auto add_file_mapping(RunOptions& options, const char* argument) -> Outcome {
  auto mapping = launch::parse_file_mapping(argument);
  if (!mapping) return std::unexpected{std::string{"neither HOST:GUEST nor HOST:GUEST:ro"}};
  options.file_mappings.push_back(std::move(*mapping));
  return {};
}

auto set_kvm_fd(RunOptions& options, const char* argument) -> Outcome {
  if (auto outcome = set_number<&RunOptions::kvm_fd>(options, argument); !outcome) return outcome;
  if (*options.kvm_fd <= STDERR_FILENO) return std::unexpected{std::string{"not a descriptor above 2"}};
  return {};
}

auto set_profile_rate(RunOptions& options, const char* argument) -> Outcome {
  options.profile_rate = launch::parse_profile_rate(argument);
  if (!options.profile_rate) return std::unexpected{std::string{"not a number from 1 to 10000"}};
  return {};
}

auto set_gdb_port(RunOptions& options, const char* argument) -> Outcome {
  if (!launch::parse_port(argument)) return std::unexpected{std::string{"not a port from 0 to 65535"}};
  options.gdb = argument;
  return {};
}

using Option = OptionOf<RunOptions>;
constexpr std::array kOptions{
    Option{'m', "memory-size", "SIZE",
           "size of the guest's memory, a multiple of 2 MiB: 512MiB, 2G (default: the requirement of the image, at "
           "least 64M; with a network 256M)",
           set<&RunOptions::memory_size>},
    Option{'c', "cpu-count", "N",
           "number of vCPUs, one thread each (default: the requirement of the image, at least 1)", set_cpu_count},
    Option{'a', "affinity", "LIST", "host CPUs for the vCPUs, in order: 0-1,3", set<&RunOptions::affinity>},
    Option{'e',
           "env-vars",
           "KEY=VALUE",
           "set an environment variable of the guest; `host` passes on all variables of this process",
           set<&RunOptions::env_vars>,
           {},
           true},
    Option{0,
           "kernel-arg",
           "ARG",
           "argument for the kernel; replaces the kernel arguments in the image",
           set<&RunOptions::kernel_args>,
           {},
           true},
    Option{'o', "output", "FILE", "write the guest's output to FILE; `none` discards it", set<&RunOptions::output>,
           kFiles},
    Option{0, "timeout", "SECONDS", "stop the guest after SECONDS, counted from the start of the program", set_timeout},
    Option{0, "engine", "NAME",
           "engine that runs the guest: `kvm` (the built-in monitor), `qemu`, or `auto` (the monitor if it can run the "
           "kernel, "
           "else QEMU; default)",
           set_engine, one_of("auto kvm qemu")},
    Option{0, "kvm-fd", "N",
           "use the open /dev/kvm that this process has inherited as descriptor N; implies `--engine kvm`", set_kvm_fd},
    Option{0, "qemu-arg", "ARG", "append ARG to QEMU's command line", set<&RunOptions::qemu_args>, {}, true},
    Option{0, "loader", "FILE", "boot loader that QEMU starts", set<&RunOptions::loader>, kFiles},
    Option{0, "dry-run", nullptr, "print QEMU's command line, quoted for a shell, and exit", set<&RunOptions::dry_run>},
    Option{0, "no-aslr", nullptr, "load the guest at a fixed address", set<&RunOptions::no_aslr>},
    Option{0, "thp", nullptr, "back the guest's memory with transparent huge pages", set<&RunOptions::huge_pages>},
    Option{0, "ksm", nullptr, "let the host merge identical pages of several guests", set<&RunOptions::merges_pages>},
    Option{0, "pit", nullptr, "give the guest an i8254 timer", set<&RunOptions::timer>},
    Option{0, "cpu-pm", nullptr, "let idle vCPUs halt the host CPU without an exit to the host",
           set<&RunOptions::manages_power>},
    Option{'p',
           "publish",
           "[ADDR:]HOST:GUEST",
           "forward a host port or a range of ports to the guest: 8080:80, 127.0.0.1:53:53/udp, 8000-8010:8000-8010",
           set<&RunOptions::publish>,
           {},
           true},
    Option{'n', "net", "NETWORK",
           "the guest's network: `none` (the default), `user` (the default with -p), `tap`, `tap:NAME` or `fd:N`",
           set<&RunOptions::net>, one_of("none user tap")},
    Option{0, "pcap", "FILE", "write all frames of the guest's network to FILE, for Wireshark", set<&RunOptions::pcap>,
           kFiles},
    Option{0, "hermit-image-mode", "MODE",
           "how the guest reads the files of a packed image: `external` (hypercalls; default) or `internal` (from its "
           "memory)",
           set<&RunOptions::image_mode>, one_of("external internal")},
    Option{0, "file-mapping", "HOST:GUEST[:ro]", "map a host file or directory into the guest; `ro`: read only",
           add_file_mapping, kFiles, true},
    Option{0, "io-mode", "host=FLAGS",
           "open mapped files with `direct` (O_DIRECT, bypass the page cache), `sync` (O_SYNC), or both",
           set<&RunOptions::io_mode>, one_of("host=direct host=sync host=direct,sync")},
    Option{0, "tempdir", "DIR", "directory for the guest's temporary files", set<&RunOptions::tempdir>, kDirectories},
    Option{0, "temp-limit", "SIZE", "limit on their total size (default 1G)", set<&RunOptions::temp_limit>},
    Option{0, "file-isolation", "MODE",
           "restrict this process to the mapped files: `normal` (where the host supports Landlock; default), `strict` "
           "(required) or `none`",
           set<&RunOptions::file_isolation>, one_of("none normal strict")},
    Option{0, "sandbox", "MODE",
           "drop privileges and filter system calls: `normal` (default), or `none`, for debugging",
           set<&RunOptions::sandbox>, one_of("none normal")},
    Option{0, "config", "FILE", "read options from a TOML file in Uhyve's format", set<&RunOptions::config>, kFiles},
    Option{0, "stats", nullptr, "print statistics of the run on standard error at the end", set<&RunOptions::stats>},
    Option{0, "stats-file", "FILE", "write the statistics as JSON", set<&RunOptions::stats_file>, kFiles},
    Option{0, "timeline", "FILE", "write a timeline of the run at the end, which Perfetto can open",
           set<&RunOptions::timeline>, kFiles},
    Option{0, "profile", "FILE",
           "write a profile of the guest at the end: `FILE.svg` is a flame graph; `FILE.folded` and `FILE.json` (for "
           "speedscope) are for other tools",
           set<&RunOptions::profile>, kFiles},
    Option{0, "profile-rate", "HZ", "samples per second of each vCPU (default 997)", set_profile_rate},
    Option{0, "trace", nullptr, "print every hypercall on standard error", set<&RunOptions::trace>},
    Option{0, "verbose", nullptr, "print all registers and the last hypercalls when the guest crashes",
           set<&RunOptions::verbose>},
    Option{0, "control", "PATH", "make a Unix socket at PATH that takes commands for the running guest",
           set<&RunOptions::control>, kFiles},
    Option{0, "core", "FILE", "write a core file for gdb when the guest crashes, and on SIGQUIT",
           set<&RunOptions::core>, kFiles},
    Option{0, "core-on", "EVENT",
           "when to write the core file: `crash` (default), or `exit`, also when the guest exits",
           set<&RunOptions::core_on>, one_of("crash exit")},
    Option{0, "core-limit", "SIZE", "limit on the guest's memory in the core file (default 1G)",
           set<&RunOptions::core_limit>},
    Option{0, "stale-files", "MODE",
           "for a snapshot: `refuse` open files of the guest that have changed on the host (default), or `allow` them",
           set<&RunOptions::stale_files>, one_of("refuse allow")},
    Option{0, "clones", "MODE", "for a snapshot: `warn` if a guest has started from it before (default), or `allow` it",
           set<&RunOptions::clones>, one_of("warn allow")},
    Option{'s', "gdb-port", "PORT", "wait for gdb or lldb on this port of 127.0.0.1", set_gdb_port},
    Option{0, "gdb", "PLACE", "wait for gdb or lldb at `ADDRESS:PORT` or `unix:PATH`", set<&RunOptions::gdb>},
    Option{0, "gdb-no-wait", nullptr, "start the guest without waiting for a debugger", set<&RunOptions::gdb_no_wait>},
};

// ---- Options of `hermitage snapshot`

auto set_snapshot_file(RunOptions& options, const char* argument) -> Outcome {
  if (!options.snapshot->file.empty()) return std::unexpected{std::string{kGivenBefore}};
  options.snapshot->file = argument;
  return {};
}

auto set_when(RunOptions& options, const char* argument) -> Outcome {
  if (!options.snapshot->when_output.empty()) return std::unexpected{std::string{kGivenBefore}};
  if (*argument == '\0') return std::unexpected{std::string{"is empty"}};
  options.snapshot->when_output = argument;
  return {};
}

auto set_when_idle(RunOptions& options, const char* /*argument*/) -> Outcome {
  options.snapshot->when_idle = true;
  return {};
}

auto set_after(RunOptions& options, const char* argument) -> Outcome {
  const auto seconds = parse_seconds(argument);
  if (!seconds) return std::unexpected{std::string{kNoSeconds}};
  options.snapshot->after = std::chrono::nanoseconds{std::llround(*seconds * 1e9)};
  return {};
}

auto set_when_signal(RunOptions& options, const char* /*argument*/) -> Outcome {
  options.saves_at_signal = true;
  return {};
}

auto set_continue(RunOptions& options, const char* /*argument*/) -> Outcome {
  options.snapshot->continues = true;
  return {};
}

constexpr std::array kOwnSnapshotOptions{
    Option{'o', "file", "FILE", "write the snapshot to FILE, which is replaced when the snapshot is complete; required",
           set_snapshot_file, kFiles},
    Option{0, "when", "TEXT", "save the guest when it has written TEXT", set_when},
    Option{0, "when-idle", nullptr, "save the guest when its vCPUs have done nothing for 50 ms", set_when_idle},
    Option{0, "after", "SECONDS", "save the guest SECONDS after its start", set_after},
    Option{0, "when-signal", nullptr, "save the guest when this process receives SIGUSR2", set_when_signal},
    Option{0, "continue", nullptr, "let the guest continue after it has been saved", set_continue},
};

// Options of `hermitage run` that cannot be used for a guest that is saved.
constexpr auto is_refused_for_snapshots(std::string_view name) -> bool {
  constexpr std::array<std::string_view, 10> kNames{"engine",      "qemu-arg", "loader",   "dry-run",     "clones",
                                                    "stale-files", "gdb",      "gdb-port", "gdb-no-wait", "control"};
  return std::ranges::find(kNames, name) != kNames.end();
}

constexpr auto kSharedCount = static_cast<std::size_t>(
    std::ranges::count_if(kOptions, [](const Option& option) { return !is_refused_for_snapshots(option.name); }));

consteval auto make_snapshot_options() -> std::array<Option, kOwnSnapshotOptions.size() + kSharedCount> {
  std::array<Option, kOwnSnapshotOptions.size() + kSharedCount> options{};
  auto* next = std::ranges::copy(kOwnSnapshotOptions, options.begin()).out;
  for (auto option : kOptions) {
    if (is_refused_for_snapshots(option.name)) continue;
    if (option.letter == 'o') option.letter = 0;  // the snapshot's
    *next++ = option;
  }
  return options;
}
constexpr auto kSnapshotOptions = make_snapshot_options();

template <const auto& options_table>
auto read_words(std::vector<std::string> words, RunOptions& options) -> Outcome {
  auto parsed = parse_options<options_table>(words, Order::options_first, options);
  if (!parsed) return std::unexpected{parsed.error()};
  options.wants_help = parsed->wants_help;
  if (options.wants_help) return {};
  options.words = std::move(parsed->operands);
  if (options.words.empty()) return std::unexpected{std::string{"missing operand IMAGE"}};
  options.image = options.words.front();
  options.words.erase(options.words.begin());
  return {};
}

}  // namespace

auto parse_run_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string> {
  std::expected<RunOptions, std::string> options;
  if (auto read = read_words<kOptions>(std::move(words), *options); !read) {
    options = std::unexpected{std::move(read.error())};
  }
  return options;
}

auto parse_snapshot_options(std::vector<std::string> words) -> std::expected<RunOptions, std::string> {
  RunOptions options;
  options.snapshot.emplace();
  if (auto read = read_words<kSnapshotOptions>(std::move(words), options); !read) return std::unexpected{read.error()};
  if (options.wants_help) return options;
  const auto& snapshot = *options.snapshot;
  if (snapshot.file.empty()) return std::unexpected{std::string{"missing option -o FILE"}};
  if (snapshot.when_output.empty() && !snapshot.when_idle && !snapshot.after && !options.saves_at_signal) {
    return std::unexpected{std::string{"missing condition: --when, --when-idle, --after or --when-signal"}};
  }
  return options;
}

auto describe_snapshot() -> CommandDescription {
  static constexpr Operand kOperands[] = {{"IMAGE", "kernel or image"}};
  auto description = describe<kSnapshotOptions>(kOperands);
  description.options_first = true;
  return description;
}

auto snapshot_help() -> std::string {
  std::string text =
      "Boot a Hermit kernel or image, and save it to a file from which it can continue\n"
      "Usage: hermitage snapshot -o FILE CONDITION [OPTIONS] IMAGE [ARG...]\n"
      "       hermitage snapshot verify FILE...\n\n"
      "`hermitage run FILE` continues. The guest is saved at the first CONDITION that becomes true: --when, "
      "--when-idle,\n"
      "--after or --when-signal. `verify` reads snapshots completely, and checks them.\n\nOptions:\n";
  text += options_help(texts_of(std::span<const Option>{kSnapshotOptions}));
  text +=
      "\nOptions come before IMAGE. Clones of a guest share its random numbers, among other things: see "
      "docs/snapshots.md.\n"
      "Exit status: 0 saved; 2 wrong usage; 125 not saved: the guest ended before, with the reason on standard error, "
      "or "
      "it\n"
      "cannot be saved; 124 --timeout expired; 128+n stopped by signal n. With --continue, after saving: as `hermitage "
      "run`.\n"
      "verify: 0 all files are good; 1 some are not; 2 wrong usage, or a file that cannot be read.\n";
  return text;
}

auto describe_run() -> CommandDescription {
  static constexpr Operand kOperands[] = {{"IMAGE", "kernel or image; - is standard input"}};
  auto description = describe<kOptions>(kOperands);
  description.options_first = true;
  return description;
}

auto run_help() -> std::string {
  std::string text =
      "Run a Hermit kernel or image in a virtual machine: on Linux KVM (the host's architecture), or in QEMU (all)\n"
      "Usage: hermitage run [OPTIONS] IMAGE [ARG...]\n"
      "       hermitage run [OPTIONS] IMAGE -- KERNEL_ARG... -- [ARG...]\n\nOptions:\n";
  text += options_help(texts_of(std::span<const Option>{kOptions}));
  text +=
      "\nOptions come before IMAGE; - reads it from standard input. Everything after IMAGE is passed to the "
      "application.\n"
      "After `IMAGE --`, the arguments before a second -- are passed to the kernel instead. Kernel arguments given "
      "here "
      "replace\n"
      "those in the image, and so do application arguments.\n"
      "The environment variables HERMIT_MEMORY_SIZE, HERMIT_CPU_COUNT, HERMIT_CONFIG, HERMIT_GDB_PORT, "
      "HERMITAGE_ENGINE and\nHERMITAGE_NET set the options of the same names, which override them.\n"
      "Exit status: the guest's (modulo 256); 2 wrong usage; 124 --timeout expired; 125 the virtual machine could not "
      "be started;\n"
      "126 the guest crashed; 128+n stopped by signal n; 159 killed by the seccomp filter.\n";
  return text;
}

auto option_for_qemu(const RunOptions& options) -> const char* {
  return options.dry_run ? "--dry-run" : launch::option_for_qemu(options);
}

}  // namespace hermitage::cli
