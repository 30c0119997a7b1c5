#include "testing/large_inputs.hpp"

#include <utility>

namespace hermitage::testing {

auto deep_path(std::size_t depth) -> std::string {
  std::string path;
  for (std::size_t i = 0; i < depth; ++i) path += i == 0 ? "d" : "/d";
  return path;
}

void append_entry(std::vector<TarEntry>& entries, TarEntry entry) {
  constexpr std::size_t kLongest = 100;
  if (entry.target.size() > kLongest) entries.push_back({.name = "@", .contents = entry.target, .type = 'K'});
  if (entry.name.size() > kLongest) entries.push_back({.name = "@", .contents = entry.name, .type = 'L'});
  entries.push_back(std::move(entry));
}

auto deep_files(std::size_t count, std::size_t depth) -> std::vector<TarEntry> {
  std::vector<TarEntry> entries;
  const auto directory = deep_path(depth) + "/";
  for (std::size_t i = 0; i < count; ++i) append_entry(entries, {.name = directory + std::to_string(i)});
  return entries;
}

auto deep_directories(std::size_t count, std::size_t depth) -> std::vector<TarEntry> {
  std::vector<TarEntry> entries;
  const auto directory = deep_path(depth) + "/";
  for (std::size_t i = 0; i < count; ++i) append_entry(entries, {.name = directory + std::to_string(i) + "/file"});
  return entries;
}

auto link_chain(std::size_t count) -> std::vector<TarEntry> {
  std::vector<TarEntry> entries;
  for (std::size_t i = 1; i <= count; ++i) {
    entries.push_back({.name = std::to_string(i), .type = '1', .target = i == 1 ? "kernel" : std::to_string(i - 1)});
  }
  return entries;
}

auto config_of_variables(std::size_t count) -> std::string {
  std::string toml{kMinimalConfig};
  toml += "env_vars = [";
  for (std::size_t i = 0; i < count; ++i) toml += "\"" + std::to_string(i) + "=\",";
  return toml + "]\n";
}

}  // namespace hermitage::testing
