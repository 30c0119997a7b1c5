// Reads any text as a configuration; one that is right is written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hermitage/image/config.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::image;
  std::vector<Problem> warnings;
  const auto config = parse_config({reinterpret_cast<const char*>(data), size}, warnings);
  for (const auto& warning : warnings) {
    if (warning.severity() != Severity::warning || warning.line == 0) __builtin_trap();
  }
  if (!config) {
    const auto& problem = config.error();
    const bool has_place = problem.code == ProblemCode::config_size || (problem.line != 0 && problem.column != 0);
    if (problem.severity() != Severity::error || problem.text.empty() || !has_place) __builtin_trap();
    return 0;
  }
  warnings.clear();
  const auto again = parse_config(to_toml(*config), warnings);
  if (!again || *again != *config || !warnings.empty()) __builtin_trap();
  return 0;
}
