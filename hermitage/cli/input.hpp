// Reading what the user names.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/image/image.hpp"

namespace hermitage::cli {

// What a file that should have a kernel is: the bytes of the kernel itself, or an image, of which only the kernel is
// held. An image that is no right one is its problem.
struct KernelInput {
  std::vector<std::byte> bytes;
  std::optional<std::expected<image::Image, image::Problem>> image;
};

// The file, or standard input for "-". An image that is a file is not read into memory whole, and may be of any size.
// The error is a sentence without the file's name.
[[nodiscard]] auto read_kernel(const std::string& path) -> std::expected<KernelInput, std::string>;

// An image, or standard input for "-".
[[nodiscard]] auto open_image(const std::string& path, const image::OpenOptions& options)
    -> std::expected<image::Image, image::Problem>;

}  // namespace hermitage::cli
