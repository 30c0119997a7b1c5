#include "hermitage/oci/container.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>

#include "hermitage/base/memory_size.hpp"
#include "hermitage/oci/annotations.hpp"
#include "hermitage/oci/network.hpp"

namespace hermitage::oci {
namespace {

using Strings = std::vector<std::string>;

template <class... Arguments>
auto refuse(fmt::format_string<Arguments...> format, Arguments&&... arguments) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format(format, std::forward<Arguments>(arguments)...)};
}

// The same path without "." and "..", and without a slash at the end.
auto normal(const std::string& path) -> std::string {
  auto result = std::filesystem::path{"/" + path}.lexically_normal().string();
  while (result.size() > 1 && result.ends_with('/')) result.pop_back();
  return result.starts_with("//") ? result.substr(1) : result;
}

auto is_at_or_below(std::string_view path, std::string_view directory) -> bool {
  return path == directory || (path.starts_with(directory) && path[directory.size()] == '/');
}

struct Mount {
  std::string destination;  // normalized
  std::string type;
  std::string source;
  bool is_bind = false;
  bool is_read_only = false;
};

auto mount_of(const Json& json) -> Mount {
  Mount mount{.destination = normal(string_of(member(json, "destination"))),
              .type = string_of(member(json, "type")),
              .source = string_of(member(json, "source"))};
  mount.is_bind = mount.type == "bind";
  for (const auto& option : strings_of(member(json, "options"))) {
    if (option == "bind" || option == "rbind") mount.is_bind = true;
    if (option == "ro" || option == "rro") mount.is_read_only = true;
    if (option == "rw" || option == "rrw") mount.is_read_only = false;
  }
  return mount;
}

auto mounts_of(const Json& config) -> std::vector<Mount> {
  std::vector<Mount> mounts;
  for (const auto* const json : elements_of(member(config, "mounts"))) mounts.push_back(mount_of(*json));
  return mounts;
}

// The monitor is mounted below /dev, which must not be a directory of the host or of the root file system.
auto check_dev(const std::vector<Mount>& mounts) -> std::expected<void, std::string> {
  const auto dev = std::ranges::find(mounts.rbegin(), mounts.rend(), "/dev", &Mount::destination);
  if (dev == mounts.rend() || dev->type != "tmpfs" || dev->is_bind) {
    return refuse(
        "the container has no /dev of its own (a tmpfs), which the monitor needs; do not mount a volume there");
  }
  return {};
}

// Mounts that engines make for the container's own kernel and C library, and files that report to the engine.
auto is_usual_below_dev(std::string_view path) -> bool {
  constexpr std::array<std::string_view, 6> kUsual{"/dev",     "/dev/console", "/dev/mqueue",
                                                   "/dev/pts", "/dev/shm",     "/dev/termination-log"};
  return std::ranges::find(kUsual, path) != kUsual.end();
}

// Whether a mount shows the container's kernel, of which a guest has its own.
auto is_of_kernel(const Mount& mount) -> bool {
  constexpr std::array<std::string_view, 6> kTypes{"proc", "sysfs", "cgroup", "cgroup2", "mqueue", "devpts"};
  return std::ranges::find(kTypes, mount.type) != kTypes.end() || is_at_or_below(mount.destination, "/proc") ||
         is_at_or_below(mount.destination, "/sys");
}

auto check_volume(const Mount& mount) -> std::expected<void, std::string> {
  if (mount.destination == "/") return refuse("a volume cannot be mounted at /");
  if (mount.destination.find(':') != std::string::npos) {
    return refuse("volume '{}': a guest has no volumes with ':' in their paths", mount.destination);
  }
  struct stat status{};
  if (!mount.is_bind || ::stat(mount.source.c_str(), &status) != 0) return {};
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) return {};
  return refuse("volume '{}': a guest has no sockets, pipes and devices of the host", mount.destination);
}

// The volumes that the guest sees, without those that another one hides.
auto volumes_of(const std::vector<Mount>& mounts, const std::string& init)
    -> std::expected<std::vector<Mount>, std::string> {
  std::vector<Mount> volumes;
  for (const auto& mount : mounts) {
    if (is_of_kernel(mount) || (!init.empty() && mount.destination == normal(init))) continue;
    if (is_at_or_below(mount.destination, "/dev")) {
      if (is_usual_below_dev(mount.destination)) continue;
      return refuse("volume '{}': a guest has no volumes below /dev", mount.destination);
    }
    if (const auto checked = check_volume(mount); !checked) return std::unexpected{checked.error()};
    std::erase_if(volumes, [&](const Mount& other) { return other.destination == mount.destination; });
    volumes.push_back(mount);
  }
  return volumes;
}

// Whether the container may use every device, as a privileged one.
auto may_use_all_devices(const Json& config) -> bool {
  return std::ranges::any_of(elements_of(member(config, {"linux", "resources", "devices"})), [](const Json* rule) {
    const auto type = string_of(member(*rule, "type"));
    return is_true(member(*rule, "allow")) && (type.empty() || type == "a") && !integer_of(member(*rule, "major"));
  });
}

auto check_devices(const Json& config) -> std::expected<void, std::string> {
  constexpr std::array<std::string_view, 3> kOfMonitor{"/dev/kvm", "/dev/net/tun", "/dev/vhost-net"};
  if (may_use_all_devices(config)) return {};
  for (const auto* const device : elements_of(member(config, {"linux", "devices"}))) {
    const auto path = string_of(member(*device, "path"));
    if (std::ranges::find(kOfMonitor, path) == kOfMonitor.end())
      return refuse("device '{}': a guest has no devices of the host", path);
  }
  return {};
}

// The guest's memory in bytes; nothing if the options do not set it.
auto memory_of(const Json& config, const image::Config& requirements)
    -> std::expected<std::optional<std::uint64_t>, std::string> {
  const auto wanted = requirements.memory.value_or(0);
  const auto limit = integer_of(member(config, {"linux", "resources", "memory", "limit"})).value_or(0);
  if (limit <= 0) {
    if (wanted == 0) return std::nullopt;
    const auto rest = wanted % base::kMemoryUnit;
    return rest == 0 ? wanted : wanted - rest + base::kMemoryUnit;
  }
  const auto memory = memory_of_guest(static_cast<std::uint64_t>(limit));
  if (memory == 0) return refuse("memory limit of {} bytes: a guest needs at least 21 MiB", limit);
  if (memory >= wanted) return memory;
  return refuse("memory limit of {} bytes: it leaves {} MiB for the guest, which requires {} MiB", limit, memory >> 20,
                wanted >> 20);
}

// "0-2,5" as 0, 1, 2 and 5; empty for anything else. A CPU that the list names twice counts once.
auto cpus_of(std::string_view list) -> std::vector<unsigned> {
  constexpr unsigned kMaxCpu = 8192;  // Linux supports no more
  constexpr std::size_t kMaxList = 65536;
  if (list.size() > kMaxList) return {};
  std::vector<bool> is_listed(kMaxCpu);
  const auto number = [](std::string_view text) -> std::optional<unsigned> {
    unsigned value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || rest != text.data() + text.size() || value >= kMaxCpu) return std::nullopt;
    return value;
  };
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    const auto item = list.substr(0, end);
    const auto dash = item.find('-');
    const auto first = number(item.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number(item.substr(dash + 1));
    if (!first || !last || *first > *last) return {};
    std::fill(is_listed.begin() + *first, is_listed.begin() + *last + 1, true);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  std::vector<unsigned> cpus;
  for (unsigned cpu = 0; cpu < kMaxCpu; ++cpu) {
    if (is_listed[cpu]) cpus.push_back(cpu);
  }
  return cpus;
}

struct Cpus {
  std::optional<std::uint32_t> count = {};
  std::vector<unsigned> affinity = {};
};

auto cpus_of(const Json& config, const image::Config& requirements) -> std::expected<Cpus, std::string> {
  constexpr std::int64_t kDefaultPeriod = 100'000;  // microseconds
  constexpr std::int64_t kMostCpus = 4096;
  const auto* const cpu = member(config, {"linux", "resources", "cpu"});
  const auto set = cpu == nullptr ? std::vector<unsigned>{} : cpus_of(string_of(member(*cpu, "cpus")));
  const auto quota = cpu == nullptr ? 0 : integer_of(member(*cpu, "quota")).value_or(0);
  const auto given_period = cpu == nullptr ? 0 : integer_of(member(*cpu, "period")).value_or(0);
  const auto period = given_period > 0 ? given_period : kDefaultPeriod;
  Cpus cpus;
  if (quota > 0) {
    const auto whole = quota / period + (quota % period == 0 ? 0 : 1);
    cpus.count = static_cast<std::uint32_t>(std::min(whole, kMostCpus));
  } else if (!set.empty()) {
    cpus.count = static_cast<std::uint32_t>(set.size());
  } else if (requirements.cpus > 0) {
    cpus.count = requirements.cpus;
  }
  if (cpus.count.value_or(requirements.cpus) < requirements.cpus) {
    return refuse("CPU limit: it leaves {} vCPUs for the guest, which requires {}", *cpus.count, requirements.cpus);
  }
  if (cpus.count == set.size()) cpus.affinity = set;
  return cpus;
}

// The options for memory and vCPUs.
auto size_options(const Json& config, const image::Config& requirements) -> std::expected<Strings, std::string> {
  const auto memory = memory_of(config, requirements);
  if (!memory) return std::unexpected{memory.error()};
  const auto cpus = cpus_of(config, requirements);
  if (!cpus) return std::unexpected{cpus.error()};
  Strings words;
  if (*memory) words.insert(words.end(), {"--memory-size", fmt::format("{}M", **memory >> 20)});
  if (cpus->count) words.insert(words.end(), {"--cpu-count", fmt::format("{}", *cpus->count)});
  if (!cpus->affinity.empty()) {
    words.insert(words.end(), {"--affinity", fmt::format("{}", fmt::join(cpus->affinity, ","))});
  }
  return words;
}

// The arguments of the process.
auto arguments_of(const Json& config, const HermitProgram& program, const ContainerFacts& facts,
                  const std::vector<Mount>& volumes) -> std::expected<Strings, std::string> {
  Strings words{std::string{kMonitorPath}, "run", "--engine", "kvm", "--kvm-fd", fmt::format("{}", facts.kvm)};
  const auto add = [&words](std::string_view name, std::string value) {
    words.emplace_back(name);
    words.push_back(std::move(value));
  };
  if (facts.snapshot.empty()) {
    const auto size = size_options(config, facts.requirements);
    if (!size) return std::unexpected{size.error()};
    words.insert(words.end(), size->begin(), size->end());
    add("--env-vars", "host");
  } else if (!program.arguments.empty()) {
    return refuse("annotation {}: the guest has the arguments with which it was saved, and takes no others",
                  kSnapshotAnnotation);
  }
  if (facts.net) add("--net", *facts.net);
  add("--tempdir", std::string{kTemporaryPath});
  add("--control", std::string{kControlPath});
  // A packed image has a root of its own.
  if (program.kind == HermitProgram::Kind::kernel) {
    const bool is_read_only = is_true(member(config, {"root", "readonly"}));
    add("--file-mapping", fmt::format("{}:/{}", kRootPath, is_read_only ? ":ro" : ""));
  }
  for (const auto& volume : volumes) {
    add("--file-mapping", fmt::format("{0}:{0}{1}", volume.destination, volume.is_read_only ? ":ro" : ""));
  }
  words.push_back(facts.snapshot.empty() ? program.path : facts.snapshot);
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  return words;
}

// The mounts of the monitor, behind all others.
void add_mounts(Json& config, const HermitProgram& program, const ContainerFacts& facts) {
  auto& mounts = config["mounts"];
  mounts.push_back({{"destination", kMonitorPath},
                    {"type", "bind"},
                    {"source", facts.monitor},
                    {"options", {"bind", "private", "ro", "nosuid", "nodev"}}});
  mounts.push_back({{"destination", kTemporaryPath},
                    {"type", "tmpfs"},
                    {"source", "tmpfs"},
                    {"options", {"nosuid", "nodev", "noexec", "mode=1777"}}});
  if (program.kind != HermitProgram::Kind::kernel) return;
  Json options{"bind", "private", "nosuid", "nodev"};
  if (is_true(member(config, {"root", "readonly"}))) options.push_back("ro");
  mounts.push_back(
      {{"destination", kRootPath}, {"type", "bind"}, {"source", facts.root}, {"options", std::move(options)}});
}

auto check_shape(const Json& config) -> std::expected<void, std::string> {
  const auto* const mounts = member(config, "mounts");
  const auto* const process = member(config, "process");
  const auto* const annotations = member(config, "annotations");
  if (process == nullptr || !process->is_object()) return refuse("config.json has no process");
  if (mounts == nullptr || !mounts->is_array()) return refuse("config.json has no list of mounts");
  if (annotations != nullptr && !annotations->is_object() && !annotations->is_null()) {
    return refuse("config.json: 'annotations' is not an object");
  }
  return {};
}

// Refuses annotations of this project that would have no effect: they are mistakes, or guests do not support them.
auto check_annotations(const Json& config) -> std::expected<void, std::string> {
  constexpr std::string_view kOwn{"org.hermitage."};
  constexpr std::string_view kOfImages{"org.hermitage.image."};  // podman gives a container those of its image
  constexpr std::array<std::string_view, 4> kKnown{kKernelAnnotation, kNetworkAnnotation, kPublishAnnotation,
                                                   kSnapshotAnnotation};
  const auto* const annotations = member(config, "annotations");
  if (annotations == nullptr || !annotations->is_object()) return {};
  for (const auto& [key, value] : annotations->items()) {
    if (!key.starts_with(kOwn) || key.starts_with(kOfImages)) continue;
    const auto is_this = [&](std::string_view known) { return is_annotation(config, key, known); };
    if (std::ranges::any_of(kKnown, is_this)) continue;
    return refuse("annotation {}: it is not known", key);
  }
  return {};
}

}  // namespace

auto make_hermit_container(Json config, const HermitProgram& program, const ContainerFacts& facts)
    -> std::expected<Json, std::string> {
  if (const auto checked = check_shape(config); !checked) return std::unexpected{checked.error()};
  if (const auto checked = check_annotations(config); !checked) return std::unexpected{checked.error()};
  const auto mounts = mounts_of(config);
  if (const auto checked = check_dev(mounts); !checked) return std::unexpected{checked.error()};
  if (const auto checked = check_devices(config); !checked) return std::unexpected{checked.error()};
  const auto volumes = volumes_of(mounts, program.init);
  if (!volumes) return std::unexpected{volumes.error()};
  auto arguments = arguments_of(config, program, facts, *volumes);
  if (!arguments) return std::unexpected{arguments.error()};
  config["process"]["args"] = *std::move(arguments);
  add_mounts(config, program, facts);
  config["annotations"][std::string{kKernelAnnotation}] = program.path;
  return config;
}

auto snapshot_in(const Json& config) -> std::expected<std::string, std::string> {
  const auto* const value = annotation_of(config, kSnapshotAnnotation);
  if (value == nullptr) return std::string{};
  auto path = string_of(value);
  if (!path.starts_with('/')) return refuse("annotation {}: '{}' is not an absolute path", kSnapshotAnnotation, path);
  return path;
}

auto is_hermit_container(const Json& config, const std::string& monitor) -> bool {
  if (!kvm_descriptor_of(config)) return false;
  const auto* const annotations = member(config, "annotations");
  if (annotations == nullptr || member(*annotations, kKernelAnnotation) == nullptr) return false;
  const auto mounts = mounts_of(config);
  const auto mount = std::ranges::find(mounts.rbegin(), mounts.rend(), kMonitorPath, &Mount::destination);
  return mount != mounts.rend() && mount->is_bind && mount->source == monitor;
}

auto kvm_descriptor_of(const Json& config) -> std::optional<int> {
  constexpr std::array<std::string_view, 5> kStart{kMonitorPath, "run", "--engine", "kvm", "--kvm-fd"};
  const auto words = strings_of(member(config, {"process", "args"}));
  if (words.size() <= kStart.size() || !std::equal(kStart.begin(), kStart.end(), words.begin())) return std::nullopt;
  const auto& text = words[kStart.size()];
  int number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

auto memory_of_guest(std::uint64_t limit) -> std::uint64_t {
  constexpr std::uint64_t kMonitor = std::uint64_t{4} << 20;
  constexpr std::uint64_t kPagesPerTables = 256;  // two tables with 8 bytes for each page of 4 KiB
  const auto taken = kMonitor + limit / kPagesPerTables;
  const auto left = limit > taken ? limit - taken : 0;
  const auto memory = left - left % base::kMemoryUnit;
  return memory < base::kLeastMemory ? 0 : memory;
}

}  // namespace hermitage::oci
