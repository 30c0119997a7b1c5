// hermit.toml, the configuration of an image. Mirrors hermit_entry::config::Config.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/image/problem.hpp"

namespace hermitage::image {

using entry::kConfigPath;
using entry::kMaxConfigSize;

// Version 1, the only one. Strings contain no NUL.
struct Config {
  std::string kernel = {};                             // path of the kernel in the image, unchanged
  std::vector<std::string> kernel_args = {};           // default arguments
  std::vector<std::string> app_args = {};              // likewise
  std::vector<std::string> env_vars = {};              // "KEY=value"; the user can override each
  std::optional<std::uint64_t> memory = std::nullopt;  // minimum memory of the guest, in bytes
  std::uint32_t cpus = 0;                              // minimum number of vCPUs; 0: any

  friend auto operator==(const Config&, const Config&) -> bool = default;
};

// Reads a configuration. `file` is its name in problems; warnings are added to `warnings`.
[[nodiscard]] auto parse_config(std::string_view toml, std::vector<Problem>& warnings,
                                std::string_view file = kConfigPath) -> std::expected<Config, Problem>;

// Writes a configuration that parse_config reads back unchanged. Strings must be UTF-8 without a NUL.
[[nodiscard]] auto to_toml(const Config& config) -> std::string;

}  // namespace hermitage::image
