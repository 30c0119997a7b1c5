// Reads a tar archive in place, entry by entry, without a heap: ustar (POSIX.1-1988), GNU's long names, and pax
// (POSIX.1-2001). Accepts any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "hermitage/loader/failure.hpp"

namespace hermitage::loader {

// A path in one or two pieces, split into names. Skips "" and ".".
class PathNames {
 public:
  constexpr PathNames() noexcept = default;
  explicit constexpr PathNames(std::string_view path, std::string_view directory = {}) noexcept
      : pieces_{directory, path} {}

  // Returns the next name, or an empty string at the end.
  [[nodiscard]] auto next() noexcept -> std::string_view;

 private:
  std::string_view pieces_[2];
};

enum class TarKind : std::uint8_t { regular, directory, symbolic_link, hard_link };

struct TarEntry {
  TarKind kind = TarKind::directory;
  PathNames path = {};
  std::string_view target = {};              // of a link
  std::span<const std::byte> contents = {};  // of a regular file
};

class TarReader {
 public:
  // `position` is the offset of an entry.
  explicit TarReader(std::span<const std::byte> archive, std::size_t position = 0) noexcept
      : archive_{archive}, position_{position} {}

  // The offset of the next entry.
  [[nodiscard]] auto position() const noexcept -> std::size_t { return position_; }

  // Reads the next entry into entry(). Returns false at the end, after which the archive contains only zeros. Fails
  // if the archive is damaged, or for unsupported entries: those that images must not have, sparse files, and files
  // of 8 GiB and more.
  [[nodiscard]] auto next() noexcept -> Result<bool>;

  [[nodiscard]] auto entry() const noexcept -> const TarEntry& { return entry_; }

 private:
  std::span<const std::byte> archive_;
  std::size_t position_;
  TarEntry entry_;
};

}  // namespace hermitage::loader
