// Reads files that the user names.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/image/image.hpp"

namespace hermitage::cli {

// A file that contains a kernel: the bytes of the kernel, or a packed image or a container image of which only the
// kernel is kept. An invalid image is represented by its problem.
struct KernelInput {
  std::vector<std::byte> bytes;
  std::optional<std::expected<image::Image, image::Problem>> image;
};

// The kernel's bytes; none of an image that is no right one.
[[nodiscard]] auto kernel_of(const KernelInput& input) -> std::span<const std::byte>;

// Reads a file or an OCI layout, or standard input for "-". An image in a regular file may have any size, since it is
// read in pieces. The error is a sentence without the file's name.
[[nodiscard]] auto read_kernel(const std::string& path) -> std::expected<KernelInput, std::string>;

// Opens a packed image or a container image, or standard input for "-".
[[nodiscard]] auto open_image(const std::string& path, const image::OpenOptions& options)
    -> std::expected<image::Image, image::Problem>;

}  // namespace hermitage::cli
