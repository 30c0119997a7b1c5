#include "hermitage/oci/host.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/base/program.hpp"
#include "hermitage/entry/elf_file.hpp"
#include "hermitage/oci/network.hpp"
#include "hermitage/oci/settings.hpp"

namespace hermitage::oci {
namespace {

using base::HostCheck;
using Outcome = HostCheck::Outcome;

// The first bytes of a file, at most `most`; none if it cannot be read.
auto start_of(const std::string& path, std::size_t most) -> std::string {
  const base::Descriptor file{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  std::string text(most, '\0');
  const auto size = base::read_full(file.get(), std::as_writable_bytes(std::span{text}));
  text.resize(size.value_or(0));
  return text;
}

auto check_program() -> HostCheck {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "hermitage-oci";
  if (::access(path.c_str(), X_OK) == 0) return {.subject = "hermitage-oci", .finding = path.string()};
  return {.subject = "hermitage-oci",
          .outcome = Outcome::missing,
          .finding = fmt::format("{}: {}; install Hermitage with make install", path.string(), std::strerror(errno))};
}

auto check_runtime(const Settings& settings) -> HostCheck {
  const auto path = runtime_path(settings);
  if (path) return {.subject = "runtime", .finding = fmt::format("{} creates the containers", *path)};
  return {.subject = "runtime", .outcome = Outcome::missing, .finding = path.error()};
}

// A dynamic program does not find its libraries in a container.
auto check_monitor(const Settings& settings) -> HostCheck {
  constexpr std::uint32_t kInterpreter = 3;  // PT_INTERP
  constexpr std::size_t kHeaders = 4096;
  const auto path = monitor_path(settings);
  if (!path) return {.subject = "monitor", .outcome = Outcome::missing, .finding = path.error()};
  const auto start = start_of(*path, kHeaders);
  const auto program = entry::ElfFile::open(std::as_bytes(std::span{start}));
  if (program && !program->find_segment(kInterpreter)) return {.subject = "monitor", .finding = *path};
  return {.subject = "monitor",
          .outcome = Outcome::missing,
          .finding = fmt::format("{} is not a statically linked program, so it runs in no container; install a release "
                                 "build (make install)",
                                 *path)};
}

auto check_tap() -> HostCheck {
  const auto tried = try_tap();
  if (tried) return {.subject = "network", .finding = "guests can take over the interfaces of containers"};
  return {
      .subject = "network",
      .outcome = Outcome::weak,
      .finding = fmt::format("{}; guests get taps only where root can make them, with the kernel's tun, sch_ingress, "
                             "cls_u32 and act_mirred, and otherwise passt",
                             tried.error())};
}

// Whether an engine, if it is installed, has the name of this runtime in its configuration.
auto check_engine(const std::string& engine, const std::string& file, std::string_view example) -> HostCheck {
  constexpr std::size_t kMaxSize = std::size_t{1} << 20;
  if (!base::find_program(engine)) return {.subject = engine, .outcome = Outcome::weak, .finding = "not installed"};
  if (start_of(file, kMaxSize).find("hermitage-oci") != std::string::npos) {
    return {.subject = engine, .finding = fmt::format("knows the runtime hermitage ({})", file)};
  }
  return {.subject = engine,
          .outcome = Outcome::weak,
          .finding = fmt::format("does not know the runtime hermitage; add share/hermitage/containers/{} to {}",
                                 example, file)};
}

}  // namespace

auto check_host(const EngineFiles& files) -> std::vector<base::HostCheck> {
  std::vector<HostCheck> checks{check_program()};
  const auto settings = read_settings();
  if (settings) {
    checks.push_back(check_runtime(*settings));
    checks.push_back(check_monitor(*settings));
  } else {
    checks.push_back({.subject = "settings", .outcome = Outcome::missing, .finding = settings.error()});
  }
  checks.push_back(check_tap());
  checks.push_back(check_engine("podman", files.podman, "hermitage.conf"));
  checks.push_back(check_engine("containerd", files.containerd, "containerd.toml"));
  return checks;
}

}  // namespace hermitage::oci
