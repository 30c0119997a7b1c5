// What a packed image asks its kernel to be told, beside what the user says.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/image/image_config.hpp"

namespace hermitage::loader {

// Writes the command line of a kernel to `room`, and gives its size: the user's line and, each word in quotes where it
// needs them, the image's variables ("env=KEY=VALUE") that the user does not set, and its arguments, if the user gives
// none. Any word but variables counts as an argument, and so does "--" alone. Fails when there is not room enough, and
// where a "--" among the image's kernel words would make variables the application's. `names_loader`: the first word of
// the line is no word of the user's.
[[nodiscard]] auto add_image_arguments(std::string_view user_line, bool names_loader, const ImageConfig& config,
                                       std::span<char> room) noexcept -> Result<std::size_t>;

}  // namespace hermitage::loader
