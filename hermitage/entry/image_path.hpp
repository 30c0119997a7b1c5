// Paths in a packed image: where they may lead, and where they lead. For all who read images, with a heap or without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/entry/text.hpp"

namespace hermitage::entry {

// Where an image has its configuration, how large that may be, in bytes, and how many elements an array in it may have:
// each variable is compared with all others.
inline constexpr std::string_view kConfigPath = "hermit.toml";
inline constexpr std::size_t kMaxConfigSize = 256 << 10;
inline constexpr std::size_t kMaxConfigElements = 4096;

// As Linux has them.
inline constexpr std::size_t kMaxPath = 4096;
inline constexpr std::size_t kMaxName = 255;
inline constexpr std::size_t kMaxLinks = 40;

// No tree that people make is deeper, or has more in it. Who reads an image walks along its paths for each entry, and
// keeps a descriptor for each directory on the way: the work for an image follows from these.
inline constexpr std::size_t kMaxDepth = 256;        // names of a path
inline constexpr std::size_t kMaxEntries = 100'000;  // files, directories and links

// Takes the next name off the front of a path, without the slashes around it; empty at its end.
[[nodiscard]] constexpr auto take_name(std::string_view& path) noexcept -> std::string_view {
  while (path.starts_with('/')) path.remove_prefix(1);
  const auto name = path.substr(0, index_of(path, '/'));
  path.remove_prefix(name.size());
  return name;
}

// What is left of a path when what means nothing is taken away: "." and slashes that are not between two names.
struct PathShape {
  std::size_t names = 0;
  std::size_t size = 0;      // bytes, with one slash between two names
  bool goes_up = false;      // has "..", which may mean any place
  bool is_too_long = false;  // more than kMaxPath bytes, or a name of more than kMaxName

  [[nodiscard]] constexpr auto is_too_deep() const noexcept -> bool { return names > kMaxDepth; }
};

[[nodiscard]] auto shape_of(std::string_view path) noexcept -> PathShape;

// Whether a symbolic link that is `depth` directories deep surely leads to a place in the image: its target is
// relative, and has ".." only at its beginning, and no more of them than the link is deep. Then it cannot get out
// through other links, either.
[[nodiscard]] auto stays_inside(std::size_t depth, std::string_view target) noexcept -> bool;

enum class FileKind : std::uint8_t { regular, directory, symbolic_link };

// Follows a path, and all links on it, through `files`:
//
//     Place                                         what stands for a file, a directory or a link
//     root() -> Place
//     child(Place, std::string_view name) -> std::optional<Place>
//     parent(Place) -> Place                        the root's is the root
//     kind(Place) -> FileKind
//     target(Place) -> std::string_view             of a link; stays as long as `files`
//
// Nothing for a path with "..", for one that is too long or too deep for any file, and where there is nothing.
template <class Files>
[[nodiscard]] auto follow_path(std::string_view path, const Files& files) -> std::optional<typename Files::Place> {
  const auto shape = shape_of(path);
  if (shape.goes_up || shape.is_too_long || shape.is_too_deep()) return std::nullopt;
  auto place = files.root();
  // What is still to be followed: the rest of the path, and on top of it those of links' targets.
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
