#include "hermitage/oci/bundle.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkostemp
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"

namespace hermitage::oci {
namespace {

auto failure(std::string_view call, const std::string& path, int error_number) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{} {}: {}", call, path, std::strerror(error_number))};
}

// Writes a new file with the mode and the owner of another one.
auto fill(int file, std::string_view text, const std::string& model) -> std::expected<void, int> {
  struct stat status{};
  if (::stat(model.c_str(), &status) != 0) return std::unexpected{errno};
  // The owner is the engine's, and stays that of this process if it cannot be given away.
  [[maybe_unused]] const int given = ::fchown(file, status.st_uid, status.st_gid);
  if (::fchmod(file, status.st_mode & 07777) != 0) return std::unexpected{errno};
  return base::write_all(file, std::as_bytes(std::span{text}));
}

}  // namespace

auto Bundle::read(const CommandLine& line) -> std::optional<Bundle> {
  std::error_code error;
  const auto directory = std::filesystem::absolute(line.option("bundle").value_or("."), error);
  if (error) return std::nullopt;
  const auto path = (directory / line.option("config").value_or("config.json")).string();
  const base::Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.is_open()) return std::nullopt;
  const auto bytes = base::read_all(file.get(), kMaxSize);
  if (!bytes) return std::nullopt;
  auto config = parse_json({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
  if (!config) return std::nullopt;
  return Bundle{directory.string(), path, *std::move(config)};
}

auto Bundle::root() const -> std::string {
  const auto path = string_of(member(config_, {"root", "path"}));
  return path.empty() ? path : (std::filesystem::path{directory_} / path).lexically_normal().string();
}

auto Bundle::replace(const Json& config) const -> std::expected<void, std::string> {
  auto name = path_ + ".XXXXXX";
  const base::Descriptor file{::mkostemp(name.data(), O_CLOEXEC)};
  if (!file.is_open()) return failure("mkostemp", name, errno);
  if (const auto filled = fill(file.get(), to_text(config), path_); !filled) {
    ::unlink(name.c_str());
    return failure("write", name, filled.error());
  }
  if (::rename(name.c_str(), path_.c_str()) == 0) return {};
  const int error_number = errno;
  ::unlink(name.c_str());
  return failure("rename", name, error_number);
}

}  // namespace hermitage::oci
