// The file tree in a tar archive, without a heap. Each search reads the archive's headers once, and once more for
// each link on the path.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/loader/failure.hpp"

namespace hermitage::loader {

class Archive {
 public:
  // Reads the whole archive once. Fails with the errors of TarReader, and for more than entry::kMaxEntries entries.
  [[nodiscard]] static auto open(std::span<const std::byte> archive) noexcept -> Result<Archive>;

  // The bytes of the regular file at a path, after following all links. Returns nothing if it does not exist. Of
  // several entries with the same path, the last counts. Fails if there are more than entry::kMaxLinks links on the
  // path, including hard links.
  [[nodiscard]] auto find(std::string_view path) const noexcept -> Result<std::optional<std::span<const std::byte>>>;

 private:
  explicit Archive(std::span<const std::byte> archive) noexcept : archive_{archive} {}

  std::span<const std::byte> archive_;
};

}  // namespace hermitage::loader
