// The arguments and variables that an image adds to the user's command line.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/image/image_config.hpp"

namespace hermitage::loader {

// Writes the command line of a kernel to `room` and returns its size. The line consists of the user's line, the
// image's variables ("env=KEY=VALUE") that the user does not set, and the image's arguments if the user passes none.
// Each is quoted if necessary. Every word of the user except variables counts as an argument, including a single
// "--". Fails if `room` is too small, or if a "--" in the image's kernel arguments would turn variables into
// arguments of the application. `names_loader`: the first word of the line is not from the user.
[[nodiscard]] auto add_image_arguments(std::string_view user_line, bool names_loader, const ImageConfig& config,
                                       std::span<char> room) noexcept -> Result<std::size_t>;

}  // namespace hermitage::loader
