#include "hermitage/launch/launch_spec.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/memory_size.hpp"
#include "hermitage/entry/quantity.hpp"

namespace hermitage::launch {
namespace {

using Strings = std::vector<std::string>;

// ---- Precedence of the three sources of options

template <class Value>
void fill_in(std::optional<Value>& value, const std::optional<Value>& weaker) {
  if (!value) value = weaker;
}

void fill_in(std::string& value, const std::string& weaker) {
  if (value.empty()) value = weaker;
}

void fill_in(bool& flag, bool weaker) {
  flag = flag || weaker;
}

template <class Value>
void fill_in(std::vector<Value>& list, const std::vector<Value>& weaker) {
  list.insert(list.begin(), weaker.begin(), weaker.end());
}

// References to all members. A new member that is missing here does not compile.
template <class Options>
auto members_of(Options& options) {
  auto& [output, memory_size, cpu_count, affinity, tempdir, temp_limit, image_mode, file_isolation, sandbox, io_mode,
         env_vars, kernel_args, words, file_mappings, net, publish, pcap, stale_files, clones, gdb, control, core,
         core_on, core_limit, timeline, profile, profile_rate, timeout_seconds, kvm_fd, gdb_no_wait, no_aslr,
         huge_pages, merges_pages, timer, manages_power, stats, engine, loader, qemu_args, config] = options;
  return std::tie(output, memory_size, cpu_count, affinity, tempdir, temp_limit, image_mode, file_isolation, sandbox,
                  io_mode, env_vars, kernel_args, words, file_mappings, net, publish, pcap, stale_files, clones, gdb,
                  control, core, core_on, core_limit, timeline, profile, profile_rate, timeout_seconds, kvm_fd,
                  gdb_no_wait, no_aslr, huge_pages, merges_pages, timer, manages_power, stats, engine, loader,
                  qemu_args, config);
}

void fill_in(LaunchOptions& options, const LaunchOptions& weaker) {
  const auto fill_in_from = [&weaker](auto&... members) {
    std::apply([&](const auto&... weaker_members) { (fill_in(members, weaker_members), ...); }, members_of(weaker));
  };
  std::apply(fill_in_from, members_of(options));
}

// ---- Types

// The value of a size option, in bytes.
auto parse_size(std::string_view option, const std::optional<std::string>& size)
    -> OrFailure<std::optional<std::uint64_t>> {
  if (!size) return std::nullopt;
  const auto bytes = entry::parse_quantity(*size);
  if (!bytes) return wrong_usage(fmt::format("{} '{}': not a size such as 64M, 512MiB or 2G", option, *size));
  return bytes;
}

// Parses every option whose value has a special form. The first malformed value is the error.
class OptionParser {
 public:
  explicit OptionParser(const LaunchOptions& options) : options_{options} {}

  auto parse(LaunchSpec& spec) -> OrFailure<void> {
    using Step = OrFailure<void> (OptionParser::*)(LaunchSpec&) const;
    for (const Step step :
         {&OptionParser::parse_affinity_list, &OptionParser::parse_isolation, &OptionParser::parse_sandbox,
          &OptionParser::parse_mode, &OptionParser::parse_files, &OptionParser::parse_forwards,
          &OptionParser::parse_net, &OptionParser::parse_debug, &OptionParser::parse_core, &OptionParser::parse_profile,
          &OptionParser::parse_stale_files, &OptionParser::parse_clones}) {
      if (auto outcome = (this->*step)(spec); !outcome) return outcome;
    }
    return {};
  }

 private:
  auto parse_affinity_list(LaunchSpec& spec) const -> OrFailure<void> {
    if (!options_.affinity) return {};
    auto affinity = parse_affinity(*options_.affinity);
    if (!affinity) {
      return wrong_usage(fmt::format("--affinity '{}': not a list of CPUs such as 0-1,3", *options_.affinity));
    }
    spec.affinity = std::move(*affinity);
    return {};
  }

  auto parse_isolation(LaunchSpec& spec) const -> OrFailure<void> {
    constexpr std::pair<std::string_view, FileIsolation> kModes[] = {
        {"none", FileIsolation::none}, {"normal", FileIsolation::normal}, {"strict", FileIsolation::strict}};
    return parse_word(options_.file_isolation, kModes, spec.file_isolation, "--file-isolation",
                      "not one of none, normal and strict");
  }

  auto parse_sandbox(LaunchSpec& spec) const -> OrFailure<void> {
    constexpr std::pair<std::string_view, bool> kModes[] = {{"none", false}, {"normal", true}};
    return parse_word(options_.sandbox, kModes, spec.has_sandbox, "--sandbox", "neither none nor normal");
  }

  auto parse_mode(LaunchSpec& spec) const -> OrFailure<void> {
    constexpr std::pair<std::string_view, ImageMode> kModes[] = {{"external", ImageMode::external},
                                                                 {"internal", ImageMode::internal}};
    return parse_word(options_.image_mode, kModes, spec.image_mode, "--hermit-image-mode",
                      "neither external nor internal");
  }

  auto parse_files(LaunchSpec& spec) const -> OrFailure<void> {
    const auto limit = parse_size("--temp-limit", options_.temp_limit);
    if (!limit) return std::unexpected{limit.error()};
    spec.temp_limit = *limit;
    if (!options_.io_mode) return {};
    spec.io_mode = parse_io_mode(*options_.io_mode);
    if (spec.io_mode) return {};
    return wrong_usage(fmt::format("--io-mode '{}': not host=direct, host=sync or both", *options_.io_mode));
  }

  auto parse_forwards(LaunchSpec& spec) const -> OrFailure<void> {
    for (const auto& text : options_.publish) {
      auto forward = base::parse_port_forward(text);
      if (!forward) return wrong_usage(fmt::format("--publish '{}': {}", text, forward.error().text));
      spec.forwards.push_back(std::move(*forward));
    }
    return {};
  }

  // Call this after the ports are parsed: the network depends on them.
  auto parse_net(LaunchSpec& spec) const -> OrFailure<void> {
    auto network = base::parse_network(options_.net.value_or(spec.forwards.empty() ? "none" : "user"));
    if (!network) return wrong_usage(fmt::format("--net '{}': {}", *options_.net, network.error().text));
    spec.network = *std::move(network);
    if (!spec.forwards.empty() && spec.network.mode != base::NetworkMode::user) {
      return wrong_usage(fmt::format("--publish requires --net user, not --net {}", *options_.net));
    }
    if (!options_.pcap) return {};
    if (spec.network.mode == base::NetworkMode::none)
      return wrong_usage("--pcap requires a network: give --net or --publish");
    spec.pcap = *options_.pcap;
    return {};
  }

  auto parse_debug(LaunchSpec& spec) const -> OrFailure<void> {
    if (options_.gdb) spec.debug = DebugSpec{.place = *options_.gdb, .waits = !options_.gdb_no_wait};
    if (!options_.gdb && options_.gdb_no_wait) return wrong_usage("--gdb-no-wait needs --gdb, or --gdb-port");
    return {};
  }

  auto parse_core(LaunchSpec& spec) const -> OrFailure<void> {
    constexpr std::pair<std::string_view, bool> kEvents[] = {{"crash", false}, {"exit", true}};
    const auto limit = parse_size("--core-limit", options_.core_limit);
    if (!limit) return std::unexpected{limit.error()};
    std::optional<bool> on_exit;
    if (auto parsed = parse_word(options_.core_on, kEvents, on_exit, "--core-on", "neither crash nor exit"); !parsed) {
      return parsed;
    }
    if (options_.core) {
      spec.core = CoreSpec{.path = *options_.core, .limit = *limit, .on_exit = on_exit.value_or(false)};
    } else if (options_.core_on || options_.core_limit) {
      return wrong_usage(fmt::format("{} needs --core", options_.core_on ? "--core-on" : "--core-limit"));
    }
    return {};
  }

  auto parse_profile(LaunchSpec& spec) const -> OrFailure<void> {
    if (options_.profile_rate && !options_.profile) return wrong_usage("--profile-rate needs --profile");
    if (options_.profile_rate.value_or(1) == 0 || options_.profile_rate.value_or(1) > kMaxProfileRate) {
      return wrong_usage(fmt::format("--profile-rate {}: not from 1 to {}", *options_.profile_rate, kMaxProfileRate));
    }
    spec.profile_rate = options_.profile_rate.value_or(spec.profile_rate);
    return {};
  }

  auto parse_stale_files(LaunchSpec& spec) const -> OrFailure<void> {
    constexpr std::pair<std::string_view, bool> kModes[] = {{"refuse", false}, {"allow", true}};
    return parse_word(options_.stale_files, kModes, spec.accepts_stale_files, "--stale-files",
                      "neither refuse nor allow");
  }

  auto parse_clones(LaunchSpec& spec) const -> OrFailure<void> {
    constexpr std::pair<std::string_view, bool> kModes[] = {{"warn", false}, {"allow", true}};
    return parse_word(options_.clones, kModes, spec.accepts_clones, "--clones", "neither warn nor allow");
  }

  template <class Value, std::size_t count>
  static auto parse_word(const std::optional<std::string>& word,
                         const std::pair<std::string_view, Value> (&values)[count], std::optional<Value>& value,
                         std::string_view option, std::string_view why) -> OrFailure<void> {
    if (!word) return {};
    const auto* const found = std::ranges::find(values, *word, &std::pair<std::string_view, Value>::first);
    if (found == std::end(values)) return wrong_usage(fmt::format("{} '{}': {}", option, *word, why));
    value = found->second;
    return {};
  }

  const LaunchOptions& options_;
};

auto output_of(const std::optional<std::string>& output) -> Output {
  if (!output) return {};
  if (*output == "none") return {.kind = Output::Kind::none, .path = {}};
  return {.kind = Output::Kind::file, .path = *output};
}

// ---- Requests of the image

// Rounds up to whole units. A size above the limit stays above it.
auto round_up(std::uint64_t size) -> std::uint64_t {
  const auto units = size / base::kMemoryUnit + (size % base::kMemoryUnit == 0 ? 0 : 1);
  return std::min(units, std::numeric_limits<std::uint64_t>::max() / base::kMemoryUnit) * base::kMemoryUnit;
}

// Ignores malformed arguments, which other functions report.
auto has_network(const LaunchOptions& options) -> bool {
  return options.net ? *options.net != "none" : !options.publish.empty();
}

auto memory_of(const std::string& image, const LaunchOptions& options, const image::Config& config)
    -> OrFailure<std::uint64_t> {
  const auto wanted = round_up(config.memory.value_or(0));
  if (wanted > kMostMemory) {
    return not_started(image, fmt::format("requires {} MiB of memory, more than the limit of {} MiB", wanted >> 20,
                                          kMostMemory >> 20));
  }
  const auto given = parse_size("--memory-size", options.memory_size);
  if (!given) return std::unexpected{given.error()};
  const auto usual = has_network(options) ? base::kDefaultMemoryWithNetwork : base::kDefaultMemory;
  const auto size = given->value_or(std::max(usual, wanted));
  if (size >= wanted) return size;
  return not_started(image, fmt::format("requires {} MiB of memory, but gets {} MiB; increase --memory-size",
                                        wanted >> 20, size >> 20));
}

auto cpu_count_of(const std::string& image, const LaunchOptions& options, const image::Config& config)
    -> OrFailure<std::uint32_t> {
  if (config.cpus > kMostCpus) {
    return not_started(image, fmt::format("requires {} vCPUs, more than the limit of {}", config.cpus, kMostCpus));
  }
  const auto count = options.cpu_count.value_or(std::max(1U, config.cpus));
  if (count >= config.cpus) return count;
  return not_started(image, fmt::format("requires {} vCPUs, but gets {}; increase --cpu-count", config.cpus, count));
}

auto key_of(std::string_view variable) -> std::string_view {
  return variable.substr(0, variable.find('='));
}

auto variables_of_host() -> Strings {
  Strings all;
  for (auto** variable = environ; *variable != nullptr; ++variable) all.emplace_back(*variable);
  return all;
}

// The user's variables in their order, then those of the image that the user did not set. If the user sets a variable
// several times, the last value counts.
auto environment_of(const Strings& given, const Strings& of_image, Strings& warnings) -> OrFailure<Strings> {
  if (std::ranges::find(given, "host") != given.end()) {
    if (given.size() > 1)
      warnings.emplace_back("-e host passes only the variables of the host; other -e options are ignored");
    return variables_of_host();
  }
  Strings all;
  for (const auto& variable : given) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=')) {
      return wrong_usage(fmt::format("-e '{}': neither KEY=VALUE nor host", variable));
    }
    std::erase_if(all, [&](const std::string& earlier) { return key_of(earlier) == key_of(variable); });
    all.push_back(variable);
  }
  for (const auto& variable : of_image) {
    const auto has_its_key = [&](const std::string& other) { return key_of(other) == key_of(variable); };
    if (std::ranges::none_of(all, has_its_key)) all.push_back(variable);
  }
  return all;
}

// Variables for the address, for kernels of Hermit 0.10 or newer: the kernel's arguments -ip, -mask and -gateway
// cannot set DNS servers and an MTU. The user's variables override these, and these override the image's.
void add_network_variables(const base::NetworkSpec& network, const Strings& given, Strings& environment) {
  const auto has = [](const Strings& variables, std::string_view key) {
    return std::ranges::find(variables, key, key_of) != variables.end();
  };
  const auto add = [&](std::string_view key, const std::string& value) {
    if (has(given, key)) return;
    std::erase_if(environment, [key](const std::string& variable) { return key_of(variable) == key; });
    environment.push_back(fmt::format("{}={}", key, value));
  };
  if (network.mtu) add("HERMIT_MTU", fmt::format("{}", *network.mtu));
  if (!network.address) return;
  add("HERMIT_IP", base::to_string(network.address->address));
  add("HERMIT_MASK", base::to_string(base::netmask(network.address->prefix_length)));
  if (network.address->gateway) add("HERMIT_GATEWAY", base::to_string(*network.address->gateway));
  for (std::size_t i = 0; i < network.address->dns.size(); ++i) {
    add(fmt::format("HERMIT_DNS{}", i + 1), base::to_string(network.address->dns[i]));
  }
}

// The user's arguments replace those of the image.
auto kernel_arguments_of(const LaunchOptions& options, const std::optional<Strings>& words, const image::Config& config)
    -> Strings {
  if (options.kernel_args.empty() && !words) return config.kernel_args;
  auto arguments = options.kernel_args;
  if (words) arguments.insert(arguments.end(), words->begin(), words->end());
  return arguments;
}

}  // namespace

auto debugger_notice(const DebugSpec& debug, std::string_view address) -> std::string {
  const auto* const what = debug.waits ? "the guest waits for a debugger" : "a debugger can connect";
  return fmt::format("{} at {} (gdb: target remote {})", what, address, address);
}

auto timeout_of(const LaunchOptions& options) -> std::optional<std::chrono::nanoseconds> {
  if (!options.timeout_seconds) return std::nullopt;
  return std::chrono::nanoseconds{std::llround(*options.timeout_seconds * 1e9)};
}

auto merged(const LaunchSources& sources) -> LaunchOptions {
  auto options = sources.command_line;
  fill_in(options, sources.environment);
  fill_in(options, sources.config_file);
  return options;
}

auto make_launch_spec(const std::string& image, const LaunchSources& sources) -> OrFailure<LaunchSpec> {
  const auto options = merged(sources);
  if (options.control == "") return wrong_usage("--control '': the path of a socket is expected");
  const auto memory_size = memory_of(image, options, sources.image);
  if (!memory_size) return std::unexpected{memory_size.error()};
  const auto cpu_count = cpu_count_of(image, options, sources.image);
  if (!cpu_count) return std::unexpected{cpu_count.error()};
  LaunchSpec spec{.image = image,
                  .memory_size = *memory_size,
                  .cpu_count = *cpu_count,
                  .has_words = !options.words.empty(),
                  .output = output_of(options.output),
                  .timeout = timeout_of(options),
                  .randomizes_addresses = !options.no_aslr,
                  .huge_pages = options.huge_pages,
                  .merges_pages = options.merges_pages,
                  .timer = options.timer,
                  .manages_power = options.manages_power,
                  .stats = options.stats,
                  .profile = options.profile.value_or(""),
                  .timeline = options.timeline.value_or(""),
                  .network = base::NetworkSpec{},
                  .control = options.control.value_or(""),
                  .file_mappings = options.file_mappings,
                  .tempdir = options.tempdir,
                  .kvm = options.kvm_fd.value_or(-1),
                  .loader = options.loader,
                  .qemu_args = options.qemu_args};
  if (auto parsed = OptionParser{options}.parse(spec); !parsed) return std::unexpected{parsed.error()};
  auto words = split_words(options.words);
  auto environment = environment_of(options.env_vars, sources.image.env_vars, spec.warnings);
  if (!environment) return std::unexpected{environment.error()};
  add_network_variables(spec.network, options.env_vars, *environment);
  spec.arguments = {.program = image,
                    .kernel = kernel_arguments_of(options, words.kernel, sources.image),
                    .application = std::move(words.application).value_or(sources.image.app_args),
                    .environment = std::move(*environment)};
  if (auto line = base::boot_arguments(spec.arguments); !line) {
    return std::unexpected{
        Failure{.code = Failure::Code::usage, .subject = image, .text = std::move(line.error().text)}};
  }
  return spec;
}

auto check_config(const image::Config& config) -> OrFailure<void> {
  auto spec = make_launch_spec({}, {.image = config});
  if (!spec) return std::unexpected{std::move(spec.error())};
  return {};
}

}  // namespace hermitage::launch
