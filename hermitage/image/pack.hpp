// Packs a kernel, its configuration and its files into an image.
#pragma once

#include <expected>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/image/config.hpp"
#include "hermitage/image/image.hpp"
#include "hermitage/image/problem.hpp"
#include "hermitage/image/tar_writer.hpp"

namespace hermitage::image {

struct PackRequest {
  // Their contents become the root of the image. If two have a file of the same name, the later one is packed, with a
  // warning.
  std::vector<std::filesystem::path> directories = {};
  // The contents of hermit.toml, and its name in problems. Nothing: it is in one of the directories.
  std::optional<std::string> config = std::nullopt;
  std::string config_file = std::string{kConfigPath};
  // The kernel, packed at the path in the configuration. Empty: it is in one of the directories.
  std::filesystem::path kernel = {};
  // Checks the file of the kernel before anything is written; packing fails with its error. Empty: any file is
  // accepted.
  std::function<std::expected<void, Problem>(const std::filesystem::path& kernel)> check_kernel = {};
  // Checks the configuration before anything is written; packing fails with its error, of which pack() sets
  // `file`. Empty: any valid configuration is accepted.
  std::function<std::expected<void, Problem>(const Config& config)> check_config = {};
  // The limits for Image::open.
  Limits limits = {};
  Progress progress = {};
};

struct Packed {
  Config config;
  std::filesystem::path kernel;  // the file of the kernel, after following links
  std::vector<Problem> warnings;
};

// Checks everything with the rules of reading, and writes it to `sink`: the configuration, the kernel, so that it is
// found early, and the other files sorted by path. The same files give the same bytes: only the owner's execute
// permission of a file is packed, and no times or owners.
//
// Fails with cannot_pack if a file cannot be read or the sink returns false, and otherwise like Image::open.
[[nodiscard]] auto pack(const PackRequest& request, const Sink& sink) -> std::expected<Packed, Problem>;

}  // namespace hermitage::image
