// Reading what the user names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/entry/format.hpp"
#include "hermitage/image/image.hpp"

namespace hermitage::cli {

// The largest file that is read, in bytes.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 30;

// The whole file, or standard input for "-". The error is a sentence without the file's name. The file is read,
// not mapped: one that shrinks meanwhile must not kill the program.
[[nodiscard]] auto read_file(const std::string& path) -> std::expected<std::vector<std::byte>, std::string>;

// Reads standard input to its end, and leaves an empty one. Gives a path at which this process, and those that it
// starts, find what was read, until it ends.
[[nodiscard]] auto keep_standard_input() -> std::expected<std::string, std::string>;

// What a file that should have a kernel is: the bytes of the kernel itself, or an image, of which only the kernel is
// held. An image that is no right one is its problem.
struct KernelInput {
  std::vector<std::byte> bytes;
  std::optional<std::expected<image::Image, image::Problem>> image;
};

// An image that is a file is not read into memory whole, and may be of any size.
[[nodiscard]] auto read_kernel(const std::string& path) -> std::expected<KernelInput, std::string>;

// What a file is that is no kernel and no image, as the predicate of a sentence about it.
[[nodiscard]] auto neither_kernel_nor_image(entry::Format format) -> std::string;

// An image, or standard input for "-".
[[nodiscard]] auto open_image(const std::string& path, const image::OpenOptions& options)
    -> std::expected<image::Image, image::Problem>;

}  // namespace hermitage::cli
