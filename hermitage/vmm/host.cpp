#include "hermitage/vmm/host.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "hermitage/base/program.hpp"
#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/isolation/landlock.hpp"
#include "hermitage/vmm/isolation/sandbox.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"
#include "hermitage/vmm/kvm/probe.hpp"
#include "hermitage/vmm/machine.hpp"

namespace hermitage::vmm {
namespace {

using Outcome = HostCheck::Outcome;

// The first `size` bytes of a small file of the kernel.
auto read_start(const char* path, std::size_t size) -> std::string {
  const Descriptor file{::open(path, O_RDONLY | O_CLOEXEC)};
  std::string text(size, '\0');
  const auto got = file.is_open() ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

auto check_system() -> HostCheck {
  utsname system{};
  ::uname(&system);
  const bool fits = std::string_view{system.sysname} == "Linux" && system.machine == entry::name(arch::kArch);
  return {.subject = "system",
          .outcome = fits ? Outcome::good : Outcome::missing,
          .finding = fmt::format("{} {} on {}{}", system.sysname, system.release, system.machine,
                                 fits ? "" : fmt::format("; the monitor needs Linux on {}", entry::name(arch::kArch)))};
}

auto check_capabilities(const kvm::Kvm& kvm) -> HostCheck {
  for (const auto& [capability, name] : kvm::Kvm::needed_capabilities()) {
    if (kvm.extension(capability) == 0) {
      return {
          .subject = "KVM features", .outcome = Outcome::missing, .finding = fmt::format("{}: not supported", name)};
    }
  }
  for (const auto& [capability, name] : kvm::Kvm::useful_capabilities()) {
    if (kvm.extension(capability) == 0) {
      return {.subject = "KVM features", .outcome = Outcome::weak, .finding = fmt::format("{}: not supported", name)};
    }
  }
  return {.subject = "KVM features", .finding = fmt::format("all; up to {} vCPUs for a guest", kvm.max_vcpus())};
}

auto try_execution(const kvm::Kvm& kvm) -> Result<void> {
  const auto execution = kvm::probe_execution(kvm);
  if (!execution) return std::unexpected{execution.error()};
  if (*execution == kvm::Execution::native) return {};
  return fail(
      ErrorCode::kvm_failed,
      "KVM on this host interprets kernel code, and does not support the SSE instructions of Hermit kernels; enable "
      "nested virtualization, or use another host");
}

auto check_execution(const kvm::Kvm& kvm) -> HostCheck {
  const auto tried = try_execution(kvm);
  if (!tried) return {.subject = "execution", .outcome = Outcome::missing, .finding = tried.error().message()};
  return {.subject = "execution", .finding = "the CPU executes kernel code directly"};
}

void check_kvm(std::vector<HostCheck>& checks) {
  const auto kvm = kvm::Kvm::open();
  if (!kvm) {
    checks.push_back({.subject = "KVM", .outcome = Outcome::missing, .finding = kvm.error().message()});
    return;
  }
  checks.push_back({.subject = "KVM", .finding = "/dev/kvm is usable"});
  checks.push_back(check_capabilities(*kvm));
  checks.push_back(check_execution(*kvm));
}

auto available_memory() -> std::optional<std::uint64_t> {
  const auto text = read_start("/proc/meminfo", 4096);
  constexpr std::string_view kKey = "MemAvailable:";
  const auto key = text.find(kKey);
  if (key == std::string::npos) return std::nullopt;
  const auto digits = text.find_first_of("0123456789", key);
  std::uint64_t kibibytes = 0;
  if (digits == std::string::npos) return std::nullopt;
  std::from_chars(text.data() + digits, text.data() + text.size(), kibibytes);
  return kibibytes << 10;
}

auto check_memory() -> HostCheck {
  const auto available = available_memory();
  if (!available) return {.subject = "memory", .outcome = Outcome::weak, .finding = "the available memory is unknown"};
  return {.subject = "memory",
          .outcome = *available < base::kDefaultMemory ? Outcome::weak : Outcome::good,
          .finding = fmt::format("{} MiB available", *available >> 20)};
}

auto check_huge_pages() -> HostCheck {
  const auto mode = read_start("/sys/kernel/mm/transparent_hugepage/enabled", 64);
  const bool can = mode.find("[always]") != std::string::npos || mode.find("[madvise]") != std::string::npos;
  return {
      .subject = "huge pages",
      .outcome = can ? Outcome::good : Outcome::weak,
      .finding = can ? "transparent huge pages available (--thp)" : "no transparent huge pages; --thp has no effect"};
}

auto check_landlock() -> HostCheck {
  constexpr std::array<std::pair<int, std::string_view>, 5> kBeyond{{{2, "moving files"},
                                                                     {3, "truncating files"},
                                                                     {4, "TCP"},
                                                                     {5, "commands to devices"},
                                                                     {6, "signals and abstract sockets"}}};
  const int version = isolation::landlock_version();
  if (version == 0) {
    return {.subject = "Landlock",
            .outcome = Outcome::weak,
            .finding = "not supported, or not enabled (lsm=landlock,…); only the monitor itself isolates files"};
  }
  for (const auto& [first, what] : kBeyond) {
    if (version >= first) continue;
    return {.subject = "Landlock", .finding = fmt::format("version {}, which does not restrict {}", version, what)};
  }
  return {.subject = "Landlock", .finding = fmt::format("version {}", version)};
}

auto check_system_call_filters() -> HostCheck {
  const auto missing = isolation::missing_filters();
  if (missing.empty()) return {.subject = "seccomp", .finding = "supported"};
  return {.subject = "seccomp",
          .outcome = Outcome::weak,
          .finding = fmt::format("cannot filter system calls ({}); guests run only with --sandbox none", missing)};
}

auto check_temporary_directory() -> HostCheck {
  std::error_code error;
  const auto path = std::filesystem::temp_directory_path(error).string();
  const bool can = !error && ::access(path.c_str(), W_OK | X_OK) == 0;
  return {.subject = "temporary files",
          .outcome = can ? Outcome::good : Outcome::weak,
          .finding = can ? fmt::format("in {}", path) : fmt::format("cannot create files in {}; set --tempdir", path)};
}

auto check_passt() -> HostCheck {
  const auto path = base::find_program("passt");
  if (path) return {.subject = "passt", .finding = fmt::format("{} serves --publish and --net user", *path)};
  return {.subject = "passt",
          .outcome = Outcome::weak,
          .finding = "not installed; --publish and --net user need the package passt"};
}

// Checks an optional device of the network.
auto check_device(std::string_view subject, const char* path, std::string_view use, std::string_view module)
    -> HostCheck {
  if (const Descriptor device{::open(path, O_RDWR | O_CLOEXEC)}; device.is_open()) {
    return {.subject = std::string{subject}, .finding = fmt::format("{} is usable; {} needs it", path, use)};
  }
  return {.subject = std::string{subject},
          .outcome = Outcome::weak,
          .finding = fmt::format("{}: {}; {} needs it (modprobe {})", path, std::strerror(errno), use, module)};
}

}  // namespace

auto try_kvm() -> Result<void> {
  const auto kvm = kvm::Kvm::open();
  return kvm ? try_execution(*kvm) : std::unexpected{kvm.error()};
}

auto check_host() -> std::vector<HostCheck> {
  std::vector<HostCheck> checks{check_system()};
  check_kvm(checks);
  checks.push_back(check_memory());
  checks.push_back(check_huge_pages());
  checks.push_back(check_landlock());
  checks.push_back(check_system_call_filters());
  checks.push_back(check_temporary_directory());
  checks.push_back(check_passt());
  checks.push_back(check_device("tap interfaces", "/dev/net/tun", "--net tap", "tun"));
  checks.push_back(check_device("vhost-net", "/dev/vhost-net", "--net tap:NAME,vhost=on", "vhost_net"));
  return checks;
}

}  // namespace hermitage::vmm
