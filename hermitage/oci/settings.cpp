#include "hermitage/oci/settings.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <span>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/base/program.hpp"
#include "hermitage/image/toml.hpp"

namespace hermitage::oci {
namespace {

constexpr std::size_t kMaxSize = std::size_t{1} << 20;  // bytes

auto at(const std::string& file, const toml::source_region& source, std::string_view message)
    -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{}:{}:{}: {}", file, source.begin.line, source.begin.column, message)};
}

auto own_path() -> std::filesystem::path {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error);
}

}  // namespace

auto find_system_program(const std::string& name) -> std::optional<std::string> {
  if (name.find('/') != std::string::npos) return name;
  if (auto found = base::find_program(name)) return found;
  for (const auto* const directory : {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/"}) {
    auto path = directory + name;
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return std::nullopt;
}

auto parse_settings(std::string_view toml, const std::string& file) -> std::expected<Settings, std::string> {
  const auto parsed = toml::parse(toml);
  if (!parsed) return at(file, parsed.error().source(), parsed.error().description());
  Settings settings;
  for (const auto& [key, node] : parsed.table()) {
    const bool is_runtime = key.str() == "runtime";
    if (!is_runtime && key.str() != "monitor") {
      return at(file, node.source(), fmt::format("unknown key '{}'", key.str()));
    }
    const auto value = node.value_exact<std::string>();
    if (!value || value->empty()) return at(file, node.source(), fmt::format("'{}' is not a path", key.str()));
    (is_runtime ? settings.runtime : settings.monitor) = *value;
  }
  if (!settings.monitor.empty() && !settings.monitor.starts_with('/')) {
    return std::unexpected{fmt::format("{}: 'monitor' is not an absolute path", file)};
  }
  return settings;
}

auto read_settings() -> std::expected<Settings, std::string> {
  const char* const named = std::getenv("HERMITAGE_OCI_CONFIG");
  const std::string path = named != nullptr && *named != '\0' ? named : kSettingsFile;
  const base::Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.is_open() && errno == ENOENT && path == kSettingsFile) return Settings{};
  if (!file.is_open()) return std::unexpected{fmt::format("open {}: {}", path, std::strerror(errno))};
  const auto bytes = base::read_all(file.get(), kMaxSize);
  if (!bytes) return std::unexpected{fmt::format("read {}: {}", path, std::strerror(bytes.error()))};
  return parse_settings({reinterpret_cast<const char*>(bytes->data()), bytes->size()}, path);
}

auto monitor_path(const Settings& settings) -> std::expected<std::string, std::string> {
  auto path = settings.monitor.empty() ? (own_path().parent_path() / "hermitage").string() : settings.monitor;
  if (::access(path.c_str(), X_OK) == 0) return path;
  return std::unexpected{
      fmt::format("the monitor {}: {}; set 'monitor' in {}", path, std::strerror(errno), kSettingsFile)};
}

auto runtime_path(const Settings& settings) -> std::expected<std::string, std::string> {
  const auto path = find_system_program(settings.runtime);
  if (!path) {
    return std::unexpected{fmt::format("the runtime {} is not installed; install it, or set 'runtime' in {}",
                                       settings.runtime, kSettingsFile)};
  }
  if (::access(path->c_str(), X_OK) != 0) {
    return std::unexpected{
        fmt::format("the runtime {}: {}; set 'runtime' in {}", *path, std::strerror(errno), kSettingsFile)};
  }
  std::error_code error;
  if (std::filesystem::equivalent(*path, own_path(), error)) {
    return std::unexpected{
        fmt::format("the runtime {} is hermitage-oci itself; set 'runtime' in {}", *path, kSettingsFile)};
  }
  return *path;
}

}  // namespace hermitage::oci
