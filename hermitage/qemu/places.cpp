#include "hermitage/qemu/places.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "hermitage/qemu/boot_output.hpp"

namespace hermitage::qemu {
namespace {

auto variable(const char* name) -> std::string {
  const auto* const value = std::getenv(name);
  return value == nullptr ? std::string{} : value;
}

auto is_regular_file(const std::string& path) -> bool {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

// Loaders are smaller than 64 KiB, so the beginning of a larger file is sufficient.
constexpr std::size_t kMaxLoaderSize = std::size_t{128} << 10;

}  // namespace

auto find_loader(Target target) -> std::expected<std::string, std::string> {
  auto directory = variable("HERMITAGE_LOADER_DIR");
  if (directory.empty()) {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    directory = (program.parent_path().parent_path() / "share/hermitage").string();
  }
  auto path = fmt::format("{}/{}", directory, loader_name(target));
  if (is_regular_file(path)) return path;
  return std::unexpected{
      fmt::format("boot loader {} not found; build or install it, or set --loader or HERMITAGE_LOADER_DIR", path)};
}

auto tells_of_handover(const std::string& loader) -> bool {
  std::ifstream file{loader, std::ios::binary};
  std::string bytes(kMaxLoaderSize, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes.find(kHandoverMark) != std::string::npos;
}

}  // namespace hermitage::qemu
