#include "hermitage/image/path.hpp"

#include <algorithm>

namespace hermitage::image {
namespace {

// The next name of a path, without the slashes around it; empty at its end.
auto take_name(std::string_view& path) -> std::string_view {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const auto name = path.substr(0, path.find('/'));
  path.remove_prefix(name.size());
  return name;
}

}  // namespace

auto normalize_path(std::string_view path) -> std::optional<std::string> {
  std::string normalized;
  for (auto name = take_name(path); !name.empty(); name = take_name(path)) {
    if (name == "..") return std::nullopt;
    if (name == ".") continue;
    if (!normalized.empty()) normalized += '/';
    normalized += name;
  }
  return normalized;
}

auto parent_path(std::string_view path) -> std::string_view {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
}

auto stays_inside(std::string_view path, std::string_view target) -> bool {
  if (target.starts_with('/')) return false;
  auto depth = std::ranges::count(path, '/');
  bool is_at_beginning = true;
  for (auto name = take_name(target); !name.empty(); name = take_name(target)) {
    if (name == ".") continue;
    is_at_beginning = is_at_beginning && name == "..";
    if (name == ".." && (!is_at_beginning || --depth < 0)) return false;
  }
  return true;
}

}  // namespace hermitage::image
