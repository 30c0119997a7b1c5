#include "hermitage/image/problem.hpp"

namespace hermitage::image {

auto Problem::severity() const noexcept -> Severity {
  switch (code) {
    case ProblemCode::duplicate_entry:
    case ProblemCode::unknown_key:
    case ProblemCode::ignored_variable: return Severity::warning;
    default: return Severity::error;
  }
}

auto Problem::name() const noexcept -> std::string_view {
  using enum ProblemCode;
  switch (code) {
    case unreadable: return "unreadable";
    case not_gzip: return "not_gzip";
    case damaged_gzip: return "damaged_gzip";
    case truncated_gzip: return "truncated_gzip";
    case trailing_data: return "trailing_data";
    case damaged_archive: return "damaged_archive";
    case too_large: return "too_large";
    case too_many_entries: return "too_many_entries";
    case packed_kernel: return "packed_kernel";
    case entry_name: return "entry_name";
    case entry_outside: return "entry_outside";
    case entry_kind: return "entry_kind";
    case entry_conflict: return "entry_conflict";
    case link_outside: return "link_outside";
    case link_target: return "link_target";
    case no_config: return "no_config";
    case config_size: return "config_size";
    case config_syntax: return "config_syntax";
    case config_key: return "config_key";
    case config_value: return "config_value";
    case no_kernel: return "no_kernel";
    case kernel_kind: return "kernel_kind";
    case unloadable_kernel: return "unloadable_kernel";
    case damaged_container: return "damaged_container";
    case wrong_digest: return "wrong_digest";
    case several_images: return "several_images";
    case cannot_pack: return "cannot_pack";
    case cannot_extract: return "cannot_extract";
    case duplicate_entry: return "duplicate_entry";
    case unknown_key: return "unknown_key";
    case ignored_variable: return "ignored_variable";
  }
  return "unknown";
}

auto Problem::message() const -> std::string {
  auto whole = file;
  if (line != 0) whole.append(":").append(std::to_string(line)).append(":").append(std::to_string(column));
  if (!whole.empty()) whole.append(": ");
  return whole.append(text);
}

}  // namespace hermitage::image
