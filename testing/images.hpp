// Real Hermit images for tests, benchmarks and conformance. They are not part of the project: see CONTRIBUTING.md.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace hermitage::testing {

// Where they are looked for: $HERMIT_TEST_IMAGES, else hermit-test-images in $XDG_CACHE_HOME or ~/.cache.
[[nodiscard]] auto images_directory() -> std::filesystem::path;

// The bytes of one, or nothing where it is not.
[[nodiscard]] auto read_image(std::string_view name) -> std::optional<std::vector<std::byte>>;

// Any file's bytes; throws std::runtime_error when it cannot be read.
[[nodiscard]] auto read_bytes(const std::filesystem::path& path) -> std::vector<std::byte>;

}  // namespace hermitage::testing
