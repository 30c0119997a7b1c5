// hermit.toml: what an image asks for. Mirrors hermit_entry::config::Config.
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

// Version 1, the only one there is. No text in it has a NUL.
struct Config {
  std::string kernel = {};                             // path of the kernel in the image, as it is written
  std::vector<std::string> kernel_args = {};           // for when the user gives no arguments
  std::vector<std::string> app_args = {};              // likewise
  std::vector<std::string> env_vars = {};              // "KEY=value"; those of the user come before them
  std::optional<std::uint64_t> memory = std::nullopt;  // least memory of the guest, in bytes
  std::uint32_t cpus = 0;                              // least number of processors; 0: any

  friend auto operator==(const Config&, const Config&) -> bool = default;
};

// Reads a configuration. `file` is its name in problems; warnings are added to `warnings`.
[[nodiscard]] auto parse_config(std::string_view toml, std::vector<Problem>& warnings,
                                std::string_view file = kConfigPath) -> std::expected<Config, Problem>;

// Writes one, which parse_config reads as the same. Texts must be UTF-8 without a NUL.
[[nodiscard]] auto to_toml(const Config& config) -> std::string;

}  // namespace hermitage::image
