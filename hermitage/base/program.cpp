#include "hermitage/base/program.hpp"

#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

namespace hermitage::base {
namespace {

auto is_executable(const std::string& path) -> bool {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

auto find_program(std::string_view name) -> std::optional<std::string> {
  const auto* const path = std::getenv("PATH");
  for (std::string_view rest{path == nullptr ? "" : path}; !rest.empty();) {
    const auto directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(directory.size());
    if (!rest.empty()) rest.remove_prefix(1);
    // POSIX: an empty name is the working directory. It is skipped, because it is rarely intended.
    if (directory.empty()) continue;
    auto candidate = std::string{directory}.append("/").append(name);
    if (is_executable(candidate)) return candidate;
  }
  return std::nullopt;
}

}  // namespace hermitage::base
