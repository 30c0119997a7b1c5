// Paths in an image as strings. Their rules are those of hermitage/entry/image_path.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/image/image.hpp"

namespace hermitage::image {

// "./etc//motd" and "/etc/motd" → "etc/motd"; the root is "". Nothing for a path with "..", which may mean any place.
[[nodiscard]] auto normalize_path(std::string_view path) -> std::optional<std::string>;

// The part before the last '/'; "" for a name in the root.
[[nodiscard]] auto parent_path(std::string_view path) -> std::string_view;

// Follows a path and all links on it. `find` takes a normalized path, and returns a const File*, or null.
template <class Find>
[[nodiscard]] auto follow_path(std::string_view path, Find find) -> const File* {
  struct Files {
    using Place = std::string;

    [[nodiscard]] auto root() const -> Place { return {}; }
    [[nodiscard]] auto child(const Place& place, std::string_view name) const -> std::optional<Place> {
      auto next = place;
      if (!next.empty()) next += '/';
      next += name;
      return find(next) == nullptr ? std::nullopt : std::optional{std::move(next)};
    }
    [[nodiscard]] auto parent(const Place& place) const -> Place { return Place{parent_path(place)}; }
    [[nodiscard]] auto kind(const Place& place) const -> FileKind {
      const auto* file = place.empty() ? nullptr : find(place);
      return file == nullptr ? FileKind::directory : file->kind;
    }
    [[nodiscard]] auto target(const Place& place) const -> std::string_view { return find(place)->link_target; }

    const Find& find;
  };
  const auto place = entry::follow_path(path, Files{find});
  return place && !place->empty() ? find(*place) : nullptr;
}

}  // namespace hermitage::image
