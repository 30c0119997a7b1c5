// The parts of hermit.toml that a boot loader needs, without a heap. hermitage::image::parse_config does the same for
// programs: it accepts each configuration that is accepted here, with the same meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/image/toml.hpp"

namespace hermitage::loader {

// Refers to the parsed text. requirements.cpus is checked but not stored, because the loader does not count
// processors.
struct ImageConfig {
  TomlText kernel;
  TomlTexts kernel_args;
  TomlTexts app_args;
  TomlTexts env_vars;                   // callers ignore those that are not "KEY=value"
  std::optional<std::uint64_t> memory;  // minimum memory of the machine, in bytes
  std::optional<TomlText> unknown_key;  // the first unknown key, for a warning
};

// The largest number of unknown names of tables, and of keys of the root and one table. The number is limited because
// each is compared with those before it.
inline constexpr std::size_t kMaxUnknownKeys = 64;

// Fails with a sentence that begins with the location, "hermit.toml:LINE: ".
[[nodiscard]] auto read_image_config(std::string_view toml) noexcept -> Result<ImageConfig>;

}  // namespace hermitage::loader
