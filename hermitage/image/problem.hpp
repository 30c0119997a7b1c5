// Problems of Hermit images: errors as values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hermitage/entry/problem.hpp"

namespace hermitage::image {

using entry::Severity;

enum class ProblemCode : std::uint8_t {
  // The file is not a complete gzipped tar archive, or exceeds a limit.
  unreadable,
  not_gzip,
  damaged_gzip,
  truncated_gzip,
  trailing_data,
  damaged_archive,
  too_large,
  too_many_entries,
  packed_kernel,

  // An entry does not fit into a tree of files.
  entry_name,
  entry_outside,
  entry_kind,
  entry_conflict,
  link_outside,
  link_target,

  // The configuration is missing or invalid.
  no_config,
  config_size,
  config_syntax,
  config_key,
  config_value,

  // The kernel that the configuration names is missing.
  no_kernel,
  kernel_kind,
  unloadable_kernel,  // of check_kernel in a PackRequest

  // The file is not a valid container image (hermitage/oci/image).
  damaged_container,
  wrong_digest,
  several_images,

  // Packing or unpacking failed.
  cannot_pack,
  cannot_extract,

  // Warnings.
  duplicate_entry,
  unknown_key,
  ignored_variable,
};

// One problem: what, where, and why.
struct Problem {
  ProblemCode code = ProblemCode::unreadable;
  // In the image: hermit.toml, or the name of an entry. Empty: the image as a whole. With unreadable, the image's path.
  std::string file = {};
  std::uint32_t line = 0;    // in `file`, counted from 1; 0: the whole file
  std::uint32_t column = 0;  // in characters, counted from 1
  std::string text = {};     // one sentence, without a full stop and without the place

  [[nodiscard]] auto severity() const noexcept -> Severity;
  // The name of the code: stable, for scripts.
  [[nodiscard]] auto name() const noexcept -> std::string_view;
  // Place and problem, for people: "hermit.toml:3:5: unknown key 'memroy'". Names are those of the image, and may
  // contain control characters.
  [[nodiscard]] auto message() const -> std::string;
};

}  // namespace hermitage::image
