// Computes the sizes of any bytes, and compares the file with itself and with an empty file, in every format. The
// number of bytes selects the key.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hermitage/inspect/difference.hpp"
#include "hermitage/inspect/difference_json.hpp"
#include "hermitage/inspect/difference_text.hpp"
#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/sizes.hpp"
#include "hermitage/inspect/sizes_json.hpp"
#include "hermitage/inspect/sizes_text.hpp"
#include "hermitage/inspect/text_testing.hpp"
#include "hermitage/inspect/treemap.hpp"

namespace {

using namespace hermitage::inspect;

// Each byte of the loaded kernel is counted once.
void check_sizes(const Sizes& sizes) {
  auto sum = sizes.unexplained;
  for (const auto& row : sizes.rows) {
    sum.file += row.bytes.file;
    sum.zero += row.bytes.zero;
  }
  if (sum != sizes.image || sizes.not_loaded > sizes.file_size) __builtin_trap();
  check_text(collected(print_sizes, sizes, Display{}, Extent::full));
  check_text(collected(print_sizes, sizes, Display{}, Extent::brief));
  const auto json = nlohmann::json::parse(collected(print_sizes_json, sizes), nullptr, false);
  if (!json.is_object() || json["rows"].size() != sizes.rows.size()) __builtin_trap();
  const auto svg = collected(print_treemap, sizes);
  if (!svg.starts_with("<svg ") || !svg.ends_with("</svg>\n")) __builtin_trap();
  check_text(svg);
}

// Compares the file with itself, and with an empty file.
void check_difference(const Report& report, std::span<const std::byte> bytes) {
  const auto subject = make_subject(report, bytes);
  const auto same = compare(subject, subject);
  if (!same.facts.empty() || !same.segments.empty() || !same.crates.empty() || !same.symbols.empty() ||
      !same.relocations.empty() || !same.notes.empty() || !same.problems.empty()) {
    __builtin_trap();
  }
  const auto difference = compare(make_subject(make_report("", std::span<const std::byte>{}), {}), subject);
  check_text(collected(print_difference, difference, Display{}, Extent::full));
  check_text(collected(print_difference, difference, Display{}, Extent::brief));
  const auto json = nlohmann::json::parse(collected(print_difference_json, difference), nullptr, false);
  if (!json.is_object() || json["symbols"].size() != difference.symbols.size()) __builtin_trap();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  constexpr std::array kWays{SizesBy::crate, SizesBy::function, SizesBy::file, SizesBy::segment};
  const auto bytes = std::as_bytes(std::span{data, size});
  check_sizes(make_sizes("kernel", bytes, kWays[size % kWays.size()]));
  check_difference(make_report("kernel", bytes), bytes);
  return 0;
}
