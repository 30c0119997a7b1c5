// Problems about files that are not images, with their actual format.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "hermitage/image/problem.hpp"

namespace hermitage::image {

// From the first bytes of a file that is not gzip data.
[[nodiscard]] auto not_gzip(std::span<const std::byte> beginning) -> Problem;

// From the first unpacked bytes of gzip data that do not contain a tar archive; `why` is the error of the archive
// reader.
[[nodiscard]] auto not_tar(std::span<const std::byte> beginning, std::string why) -> Problem;

}  // namespace hermitage::image
