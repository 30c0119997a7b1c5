#include "hermitage/loader/image/archive.hpp"

#include <array>
#include <cstdint>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/loader/image/tar.hpp"

namespace hermitage::loader {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t kNowhere = SIZE_MAX;

// The names of a path from the root on. Boot loaders have small stacks, so only one such list exists at a time.
class Names {
 public:
  // Both functions return false if there are too many names.
  [[nodiscard]] auto append(std::string_view path) noexcept -> bool { return append(path, names_.size()); }

  // Replaces a name by a path. A ".." removes the name before it.
  [[nodiscard]] auto replace(std::size_t index, std::string_view path) noexcept -> bool {
    // Move the names after it to the end of the array.
    auto left = size_ - index - 1;
    const auto end = names_.size() - left;
    for (std::size_t i = 0; i < left; ++i) names_[names_.size() - 1 - i] = names_[size_ - 1 - i];
    size_ = index;
    if (!append(path, end)) return false;
    for (auto from = end; left > 0; --left) names_[size_++] = names_[from++];
    return true;
  }

  [[nodiscard]] auto all() const noexcept -> std::span<const std::string_view> {
    return std::span{names_}.first(size_);
  }

 private:
  [[nodiscard]] auto append(std::string_view path, std::size_t most) noexcept -> bool {
    PathNames names{path};
    for (auto name = names.next(); !name.empty(); name = names.next()) {
      if (name == "..") {
        size_ -= size_ == 0 ? 0 : 1;
      } else if (size_ == most) {
        return false;
      } else {
        names_[size_++] = name;
      }
    }
    return true;
  }

  std::array<std::string_view, entry::kMaxDepth> names_;
  std::size_t size_ = 0;
};

auto is_same(PathNames one, PathNames other) noexcept -> bool {
  for (;;) {
    const auto name = one.next();
    if (name != other.next()) return false;
    if (name.empty()) return true;
  }
}

// Calls use(position, entry) for the entries before `end`. The archive must be valid.
template <class Use>
void for_each_entry(Bytes archive, std::size_t end, Use use) noexcept {
  TarReader reader{archive};
  for (auto position = reader.position(); position < end; position = reader.position()) {
    if (!reader.next().value_or(false)) return;
    use(position, reader.entry());
  }
}

// One search for a file.
class Search {
 public:
  explicit Search(Bytes archive) noexcept : archive_{archive} {}

  [[nodiscard]] auto run(std::string_view path) noexcept -> Result<std::optional<Bytes>> {
    if (entry::shape_of(path).goes_up || !names_.append(path)) return std::nullopt;
    auto step = Step::again;
    while (step == Step::again) {
      find_entries();
      step = follow();
    }
    if (links_ > entry::kMaxLinks) return failure("a file of the image is behind more than 40 links");
    if (step == Step::nothing) return std::nullopt;
    return entry_.contents;
  }

 private:
  enum class Step : std::uint8_t { again, found, nothing };

  // Finds the last entry of each directory on the path, and of the file.
  void find_entries() noexcept {
    const auto names = names_.all();
    positions_.fill(kNowhere);
    for_each_entry(archive_, archive_.size(), [&](std::size_t position, const TarEntry& entry) {
      auto path = entry.path;
      std::size_t depth = 0;
      auto name = path.next();
      for (; depth < names.size() && name == names[depth]; name = path.next()) ++depth;
      if (name.empty() && depth != 0) positions_[depth - 1] = position;
    });
  }

  // Follows the path to the first symbolic link, and replaces it by its target; otherwise follows it to the end. A
  // directory may have no entry.
  [[nodiscard]] auto follow() noexcept -> Step {
    const auto size = names_.all().size();
    for (std::size_t depth = 0; depth < size; ++depth) {
      if (positions_[depth] == kNowhere) continue;
      if (!read_entry(positions_[depth])) return Step::nothing;
      if (entry_.kind == TarKind::symbolic_link) {
        const bool leads_on = count_link() && entry::stays_inside(depth, entry_.target);
        return leads_on && names_.replace(depth, entry_.target) ? Step::again : Step::nothing;
      }
      if (entry_.kind == TarKind::regular) return depth + 1 == size ? Step::found : Step::nothing;
    }
    return Step::nothing;
  }

  // Reads the entry at a position into entry_. A hard link is replaced by its target, which must be before it.
  [[nodiscard]] auto read_entry(std::size_t position) noexcept -> bool {
    TarReader reader{archive_, position};
    if (!reader.next().value_or(false)) return false;
    entry_ = reader.entry();
    while (entry_.kind == TarKind::hard_link) {
      if (!count_link()) return false;
      const PathNames target{entry_.target};
      const auto end = position;
      position = kNowhere;
      for_each_entry(archive_, end, [&](std::size_t at, const TarEntry& earlier) {
        if (!is_same(earlier.path, target)) return;
        position = at;
        entry_ = earlier;
      });
      if (position == kNowhere) return false;
    }
    return true;
  }

  [[nodiscard]] auto count_link() noexcept -> bool { return ++links_ <= entry::kMaxLinks; }

  Bytes archive_;
  Names names_;
  std::array<std::size_t, entry::kMaxDepth> positions_;
  TarEntry entry_;
  std::size_t links_ = 0;
};

}  // namespace

auto Archive::open(Bytes archive) noexcept -> Result<Archive> {
  TarReader reader{archive};
  for (std::size_t entries = 0;; ++entries) {
    const auto has_more = reader.next();
    if (!has_more) return std::unexpected{has_more.error()};
    if (!*has_more) return Archive{archive};
    if (entries == entry::kMaxEntries) return failure("the image has more than 100000 entries, the limit");
  }
}

auto Archive::find(std::string_view path) const noexcept -> Result<std::optional<Bytes>> {
  return Search{archive_}.run(path);
}

}  // namespace hermitage::loader
