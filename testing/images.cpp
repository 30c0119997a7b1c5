#include "testing/images.hpp"

#include <cstdlib>
#include <fstream>
#include <ios>
#include <stdexcept>
#include <string>

namespace hermitage::testing {
namespace {

auto variable(const char* name) -> std::string {
  const auto* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

}  // namespace

auto images_directory() -> std::filesystem::path {
  if (const auto named = variable("HERMIT_TEST_IMAGES"); !named.empty()) return named;
  const auto cache = variable("XDG_CACHE_HOME");
  const auto base = cache.empty() ? std::filesystem::path{variable("HOME")} / ".cache" : std::filesystem::path{cache};
  return base / "hermit-test-images";
}

auto read_image(std::string_view name) -> std::optional<std::vector<std::byte>> {
  const auto path = images_directory() / name;
  if (!std::filesystem::is_regular_file(path)) return std::nullopt;
  return read_bytes(path);
}

auto read_bytes(const std::filesystem::path& path) -> std::vector<std::byte> {
  std::ifstream file{path, std::ios::binary | std::ios::ate};
  if (!file) throw std::runtime_error{"cannot read " + path.string()};
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error{"cannot read " + path.string()};
  return bytes;
}

}  // namespace hermitage::testing
