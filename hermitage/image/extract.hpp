// Unpacks an image into a directory.
#pragma once

#include <expected>
#include <filesystem>

#include "hermitage/image/image.hpp"
#include "hermitage/image/problem.hpp"

namespace hermitage::image {

// Writes every file, directory and link of an image that was opened with Contents::all. The directory is made, or must
// be empty. Each file is made anew, in a directory that no link leads to, so that nothing outside is written whatever
// the image holds and whoever else writes there. Permissions are those of the image, as far as the umask allows.
// Fails with cannot_extract; what was written by then stays.
[[nodiscard]] auto extract(const Image& image, const std::filesystem::path& directory) -> std::expected<void, Problem>;

}  // namespace hermitage::image
