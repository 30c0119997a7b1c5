// Container images that the user names instead of packed images.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/image/image.hpp"

namespace hermitage::cli {

// Turns an OCI layout, an OCI archive or a docker archive into a packed image, in a file in memory. Nothing if there is
// something else at the path, and for "-". Limits and progress of `options` apply.
[[nodiscard]] auto pack_container(const std::string& path, const image::OpenOptions& options)
    -> std::expected<std::optional<base::Descriptor>, image::Problem>;
// The same for an archive in memory.
[[nodiscard]] auto pack_container(const std::vector<std::byte>& archive, const image::OpenOptions& options)
    -> std::expected<std::optional<base::Descriptor>, image::Problem>;

// A path at which this process and its children find an open file, until this process exits. The error is a sentence.
[[nodiscard]] auto keep_file(const base::Descriptor& file) -> std::expected<std::string, std::string>;

}  // namespace hermitage::cli
