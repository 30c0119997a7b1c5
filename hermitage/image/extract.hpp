// Unpacks an image into a directory.
#pragma once

#include <expected>
#include <filesystem>

#include "hermitage/image/image.hpp"
#include "hermitage/image/problem.hpp"

namespace hermitage::image {

// Writes every file, directory and link of an image that was opened with Contents::all. The directory is created, or
// must be empty. Every file is newly created, and no link is followed, so nothing outside is written, whatever the
// image contains, and even if other processes write to the directory. Permissions are those of the image, restricted by
// the umask. Fails with cannot_extract; files that were already written are kept.
[[nodiscard]] auto extract(const Image& image, const std::filesystem::path& directory) -> std::expected<void, Problem>;

}  // namespace hermitage::image
