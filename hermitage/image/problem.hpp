// What can be wrong or odd about a Hermit image: errors as values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hermitage/entry/problem.hpp"

namespace hermitage::image {

using entry::Severity;

enum class ProblemCode : std::uint8_t {
  // The file is not a whole gzipped tar archive, or a larger one than is allowed.
  unreadable,
  not_gzip,
  damaged_gzip,
  truncated_gzip,
  trailing_data,
  damaged_archive,
  too_large,
  too_many_entries,
  packed_kernel,

  // An entry has no place in a tree of files.
  entry_name,
  entry_outside,
  entry_kind,
  entry_conflict,
  link_outside,
  link_target,

  // There is no configuration, or not a right one.
  no_config,
  config_size,
  config_syntax,
  config_key,
  config_value,

  // There is no kernel where the configuration says.
  no_kernel,
  kernel_kind,
  unloadable_kernel,  // of check_kernel in a PackRequest

  // What is to be packed or unpacked cannot be.
  cannot_pack,
  cannot_extract,

  // Odd, but no reason not to go on.
  duplicate_entry,
  unknown_key,
  ignored_variable,
};

// One thing that is wrong or odd: what, where, and why.
struct Problem {
  ProblemCode code = ProblemCode::unreadable;
  // In the image: hermit.toml, or the name of an entry. Empty: the image as a whole. With unreadable, the image's path.
  std::string file = {};
  std::uint32_t line = 0;    // in `file`, counted from 1; 0: the whole file
  std::uint32_t column = 0;  // in characters, counted from 1
  std::string text = {};     // one sentence, without a full stop and without the place

  [[nodiscard]] auto severity() const noexcept -> Severity;
  // The code's name as it stands above: stable, for scripts.
  [[nodiscard]] auto name() const noexcept -> std::string_view;
  // Where and what, for a person: "hermit.toml:3:5: unknown key 'memroy'". Names are as they are in the image, and
  // may hold what steers a terminal.
  [[nodiscard]] auto message() const -> std::string;
};

}  // namespace hermitage::image
