#include "hermitage/entry/image_path.hpp"

namespace hermitage::entry {

auto shape_of(std::string_view path) noexcept -> PathShape {
  PathShape shape;
  for (auto name = take_name(path); !name.empty(); name = take_name(path)) {
    if (name == ".") continue;
    shape.goes_up = shape.goes_up || name == "..";
    shape.is_too_long = shape.is_too_long || name.size() > kMaxName;
    shape.size += name.size() + (shape.names == 0 ? 0 : 1);
    ++shape.names;
  }
  shape.is_too_long = shape.is_too_long || shape.size > kMaxPath;
  return shape;
}

auto stays_inside(std::size_t depth, std::string_view target) noexcept -> bool {
  if (target.starts_with('/')) return false;
  bool is_at_beginning = true;
  for (auto name = take_name(target); !name.empty(); name = take_name(target)) {
    if (name == ".") continue;
    is_at_beginning = is_at_beginning && name == "..";
    if (name == ".." && (!is_at_beginning || depth-- == 0)) return false;
  }
  return true;
}

}  // namespace hermitage::entry
