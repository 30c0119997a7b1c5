// The tree of files that a tar archive holds, found again for each question, without a heap. A question takes one pass
// over the archive's headers, and one more for each link that it meets.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/loader/failure.hpp"

namespace hermitage::loader {

class Archive {
 public:
  // Reads all of the archive once. Fails as TarReader does, and for more than entry::kMaxEntries entries.
  [[nodiscard]] static auto open(std::span<const std::byte> archive) noexcept -> Result<Archive>;

  // The bytes of the regular file at a path, all links followed; nothing when there is none. Of several entries with
  // one path the last counts. Fails for a path that leads through more than entry::kMaxLinks links, hard ones included.
  [[nodiscard]] auto find(std::string_view path) const noexcept -> Result<std::optional<std::span<const std::byte>>>;

 private:
  explicit Archive(std::span<const std::byte> archive) noexcept : archive_{archive} {}

  std::span<const std::byte> archive_;
};

}  // namespace hermitage::loader
