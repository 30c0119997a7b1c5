// Paths in an image: their limits, and how to resolve them. Works with and without a heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/entry/text.hpp"

namespace hermitage::entry {

// The path of the configuration in an image, its largest size in bytes, and the largest number of elements of an
// array in it. The number is limited because each variable is compared with all others.
inline constexpr std::string_view kConfigPath = "hermit.toml";
inline constexpr std::size_t kMaxConfigSize = 256 << 10;
inline constexpr std::size_t kMaxConfigElements = 4096;

// The limits of Linux.
inline constexpr std::size_t kMaxPath = 4096;
inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxLinks = 40;

// Limits on the depth and the size of an image's file tree, larger than those of real images. They limit the work for
// an image: a reader follows the path of each entry, and keeps a descriptor open for each directory on it.
inline constexpr std::size_t kMaxDepth = 256;        // names of a path
inline constexpr std::size_t kMaxEntries = 100'000;  // files, directories and links

// Removes the first name of a path and returns it, without the slashes around it. Returns an empty string at the end.
[[nodiscard]] constexpr auto take_name(std::string_view& path) noexcept -> std::string_view {
  while (path.starts_with('/')) path.remove_prefix(1);
  const auto name = path.substr(0, index_of(path, '/'));
  path.remove_prefix(name.size());
  return name;
}

// The properties of a path without its redundant parts: "." and slashes that are not between two names.
struct PathShape {
  std::size_t names = 0;
  std::size_t size = 0;      // bytes, with one slash between two names
  bool goes_up = false;      // has "..", which can lead to any place
  bool is_too_long = false;  // has more than kMaxPath bytes, or a name of more than kMaxName bytes

  [[nodiscard]] constexpr auto is_too_deep() const noexcept -> bool { return names > kMaxDepth; }
};

[[nodiscard]] auto shape_of(std::string_view path) noexcept -> PathShape;

// Whether the target of a symbolic link in a directory of this depth is certainly in the image. The target must be
// relative, have ".." only at its beginning, and have at most `depth` of them. Then the link cannot leave the image
// through other links either.
[[nodiscard]] auto stays_inside(std::size_t depth, std::string_view target) noexcept -> bool;

enum class FileKind : std::uint8_t { regular, directory, symbolic_link };

// Resolves a path and all links on it in `files`, which has:
//
//     Place                                         identifies a file, a directory or a link
//     root() -> Place
//     child(Place, std::string_view name) -> std::optional<Place>
//     parent(Place) -> Place                        the parent of the root is the root
//     kind(Place) -> FileKind
//     target(Place) -> std::string_view             of a link; valid as long as `files`
//
// Returns nothing for a path with "..", for a path that is too long or too deep, and if the file does not exist.
template <class Files>
[[nodiscard]] auto follow_path(std::string_view path, const Files& files) -> std::optional<typename Files::Place> {
  const auto shape = shape_of(path);
  if (shape.goes_up || shape.is_too_long || shape.is_too_deep()) return std::nullopt;
  auto place = files.root();
  // The unresolved parts: the rest of the path, and above it the rests of the links' targets.
  std::string_view rests[kMaxLinks + 1] = {path};
  std::size_t links = 0;
  for (std::size_t depth = 1; depth != 0;) {
    const auto name = take_name(rests[depth - 1]);
    if (name.empty()) {
      --depth;
    } else if (name == "..") {
      place = files.parent(place);
    } else if (name != ".") {
      if (files.kind(place) == FileKind::regular) return std::nullopt;
      auto next = files.child(place, name);
      if (!next) return std::nullopt;
      if (files.kind(*next) != FileKind::symbolic_link) {
        place = *next;
      } else if (++links > kMaxLinks) {
        return std::nullopt;
      } else {
        rests[depth++] = files.target(*next);
      }
    }
  }
  return place;
}

}  // namespace hermitage::entry
