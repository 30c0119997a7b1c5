#include "hermitage/loader/image/archive.hpp"

#include <cstdint>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/loader/image/tar.hpp"

namespace hermitage::loader {
namespace {

using entry::FileKind;

// An archive as entry::follow_path wants to see it.
class Files {
 public:
  // The path of the first `depth` names of the entry at a position: an archive need not have entries for directories.
  struct Place {
    std::size_t position = 0;
    std::size_t depth = 0;
  };

  // The archive is known to be right.
  explicit Files(std::span<const std::byte> archive) noexcept : archive_{archive} {}

  [[nodiscard]] static auto root() noexcept -> Place { return {}; }

  [[nodiscard]] static auto parent(Place place) noexcept -> Place {
    return {place.position, place.depth == 0 ? 0 : place.depth - 1};
  }

  [[nodiscard]] auto child(Place place, std::string_view name) const noexcept -> std::optional<Place> {
    const auto found = find_last(archive_.size(), path_of(place), place.depth, name);
    if (!found) return std::nullopt;
    return Place{found->position, place.depth + 1};
  }

  [[nodiscard]] auto kind(Place place) const noexcept -> FileKind {
    switch (node(place).kind) {
      case TarKind::regular: return FileKind::regular;
      case TarKind::symbolic_link: return FileKind::symbolic_link;
      default: return FileKind::directory;
    }
  }

  [[nodiscard]] auto target(Place place) const noexcept -> std::string_view { return node(place).target; }

  // What is at a place: a directory, unless there is an entry that says otherwise, the last of which counts. A hard
  // link is what it is linked to, which comes before it.
  [[nodiscard]] auto node(Place place) const noexcept -> TarEntry {
    auto found = find_last(archive_.size(), path_of(place), place.depth, {});
    while (found && found->entry.kind == TarKind::hard_link) {
      found = find_last(found->position, PathNames{found->entry.target}, SIZE_MAX, {});
    }
    return found ? found->entry : TarEntry{};
  }

 private:
  struct Found {
    std::size_t position;
    TarEntry entry;
  };

  [[nodiscard]] auto path_of(Place place) const noexcept -> PathNames {
    TarReader reader{archive_, place.position};
    return reader.next().value_or(false) ? reader.entry().path : PathNames{};
  }

  // The last entry before `end` whose path has the first `depth` names of `path`, or all if it has not so many, and
  // then `name`; "" stands for the end.
  [[nodiscard]] auto find_last(std::size_t end, PathNames path, std::size_t depth, std::string_view name) const noexcept
      -> std::optional<Found> {
    std::optional<Found> found;
    TarReader reader{archive_};
    for (auto position = reader.position(); position < end; position = reader.position()) {
      if (!reader.next().value_or(false)) break;
      if (goes_on(reader.entry().path, path, depth, name)) found = {position, reader.entry()};
    }
    return found;
  }

  [[nodiscard]] static auto goes_on(PathNames path, PathNames beginning, std::size_t depth,
                                    std::string_view name) noexcept -> bool {
    for (; depth > 0; --depth) {
      const auto wanted = beginning.next();
      if (wanted.empty()) break;
      if (path.next() != wanted) return false;
    }
    return path.next() == name;
  }

  std::span<const std::byte> archive_;
};

}  // namespace

auto Archive::open(std::span<const std::byte> archive) noexcept -> Result<Archive> {
  TarReader reader{archive};
  for (;;) {
    const auto has_more = reader.next();
    if (!has_more) return std::unexpected{has_more.error()};
    if (!*has_more) return Archive{archive};
  }
}

auto Archive::find(std::string_view path) const noexcept -> std::optional<std::span<const std::byte>> {
  const Files files{archive_};
  const auto place = entry::follow_path(path, files);
  if (!place || place->depth == 0) return std::nullopt;
  const auto node = files.node(*place);
  if (node.kind != TarKind::regular) return std::nullopt;
  return node.contents;
}

}  // namespace hermitage::loader
