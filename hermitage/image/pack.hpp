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
  // What is in them is at the root of the image. Where two have a file of one name, that of the later counts, with a
  // warning.
  std::vector<std::filesystem::path> directories = {};
  // The text of hermit.toml, and its name in problems. Nothing: one of the directories has it.
  std::optional<std::string> config = std::nullopt;
  std::string config_file = std::string{kConfigPath};
  // A kernel that is put where the configuration says. Empty: one of the directories has it.
  std::filesystem::path kernel = {};
  // Asked about the kernel's file before anything is written; an error ends the packing with it. Empty: any file.
  std::function<std::expected<void, Problem>(const std::filesystem::path& kernel)> check_kernel = {};
  // Asked about the configuration before anything is written; the error, a sentence, ends the packing with
  // config_value. Empty: any configuration that can be read.
  std::function<std::expected<void, std::string>(const Config& config)> check_config = {};
  // What Image::open is going to allow.
  Limits limits = {};
  Progress progress = {};
};

struct Packed {
  Config config;
  std::filesystem::path kernel;  // the file that is the kernel, links followed
  std::vector<Problem> warnings;
};

// Checks all of it by the rules that images are read by, and writes it to `sink`: the configuration, the kernel, and
// the rest sorted by path, so that a kernel is found early. The same files make the same bytes: of a file's mode only
// counts whether its owner may run it, and times and owners do not count at all.
//
// Fails with cannot_pack where a file cannot be read or the sink does not go on, and as Image::open otherwise.
[[nodiscard]] auto pack(const PackRequest& request, const Sink& sink) -> std::expected<Packed, Problem>;

}  // namespace hermitage::image
