// What a file is that should be an image and is none.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "hermitage/image/problem.hpp"

namespace hermitage::image {

// By the first bytes of a file that does not begin as gzip data do.
[[nodiscard]] auto not_gzip(std::span<const std::byte> beginning) -> Problem;

// By the first bytes of what is in gzip data, which is no tar archive; `why` is what the reader of archives says of it.
[[nodiscard]] auto not_tar(std::span<const std::byte> beginning, std::string why) -> Problem;

}  // namespace hermitage::image
