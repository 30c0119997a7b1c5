// hermit.toml, as far as a boot loader needs it, without a heap. hermitage::image::parse_config is the same for
// programs: what is taken here is taken there, and means the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/image/toml.hpp"

namespace hermitage::loader {

// Refers to the text that it was read from. requirements.cpus is read and left out: the loader counts no processors.
struct ImageConfig {
  TomlText kernel;
  TomlTexts kernel_args;
  TomlTexts app_args;
  TomlTexts env_vars;                   // those that are not "KEY=value" are to be ignored
  std::optional<std::uint64_t> memory;  // least memory of the machine, in bytes
  std::optional<TomlText> unknown_key;  // the first one, for a warning
};

// So many names of tables, and of keys of the root and one table, may be there that are not known: each is compared
// with those before it.
inline constexpr std::size_t kMaxUnknownKeys = 64;

// Fails with a sentence that begins with the place, "hermit.toml:LINE: ".
[[nodiscard]] auto read_image_config(std::string_view toml) noexcept -> Result<ImageConfig>;

}  // namespace hermitage::loader
