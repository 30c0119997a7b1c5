#include "hermitage/image/path.hpp"

namespace hermitage::image {

auto normalize_path(std::string_view path) -> std::optional<std::string> {
  const auto shape = entry::shape_of(path);
  if (shape.goes_up) return std::nullopt;
  std::string normalized;
  normalized.reserve(shape.size);
  for (auto name = entry::take_name(path); !name.empty(); name = entry::take_name(path)) {
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

}  // namespace hermitage::image
