// Paths in an image: where they may lead, and where they lead.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "hermitage/image/image.hpp"

namespace hermitage::image {

// As Linux has them.
inline constexpr std::size_t kMaxPath = 4096;
inline constexpr std::size_t kMaxName = 255;

// "./etc//motd" and "/etc/motd" → "etc/motd"; the root is "". Nothing for a path with "..", which may mean any place.
[[nodiscard]] auto normalize_path(std::string_view path) -> std::optional<std::string>;

// What is before the last '/': "" for what is in the root.
[[nodiscard]] auto parent_path(std::string_view path) -> std::string_view;

// Whether a symbolic link at a normalized path surely leads to a place in the image: its target is relative, and has
// ".." only at its beginning, and no more of them than the link is deep. Then it cannot get out through other links,
// either.
[[nodiscard]] auto stays_inside(std::string_view path, std::string_view target) -> bool;

// Follows a path, and all links on it. `find` takes a normalized path, and gives a const File*, or null.
template <class Find>
[[nodiscard]] auto follow_path(std::string_view path, Find find) -> const File* {
  constexpr int kMaxLinks = 40;  // as Linux has it
  auto rest = normalize_path(path).value_or("");
  std::string place;
  const File* file = nullptr;
  for (int links = 0; !rest.empty();) {
    const auto end = rest.find('/');
    const auto name = rest.substr(0, end);
    rest = end == std::string::npos ? std::string{} : rest.substr(end + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      place = parent_path(place);
      continue;
    }
    if (file != nullptr && file->kind == FileKind::regular) return nullptr;
    auto next = place;
    if (!next.empty()) next += '/';
    next += name;
    file = find(next);
    if (file == nullptr) return nullptr;
    if (file->kind != FileKind::symbolic_link) {
      place = next;
      continue;
    }
    if (++links > kMaxLinks) return nullptr;
    auto target = file->link_target;
    target += '/';
    rest = target += rest;
    file = nullptr;
  }
  return place.empty() ? nullptr : find(place);
}

}  // namespace hermitage::image
