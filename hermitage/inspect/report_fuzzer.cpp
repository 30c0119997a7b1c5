// Makes a report of any bytes, with all details, and prints it in every format.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <nlohmann/json.hpp>

#include "hermitage/inspect/report.hpp"
#include "hermitage/inspect/report_json.hpp"
#include "hermitage/inspect/report_svg.hpp"
#include "hermitage/inspect/report_text.hpp"
#include "hermitage/inspect/text_testing.hpp"

namespace {

using namespace hermitage::inspect;

void check_texts(const Report& report) {
  check_text(collected(print_summary, report, Display{}, Extent::brief));
  check_text(collected(print_summary, report, Display{}, Extent::full));
  for (const auto part :
       {print_segments, print_notes, print_relocations, print_symbols, print_sections, print_load_plan}) {
    check_text(collected(part, report, Display{}));
    static_cast<void>(collected(part, report, Display{.colour = Colour::on}));
  }
  static_cast<void>(collected(print_summary, report, Display{.colour = Colour::on}, Extent::brief));
}

void check_json(const Report& report) {
  const auto json = nlohmann::json::parse(collected(print_json, report), nullptr, false);
  if (!json.is_object() || json["loadable"] != report.loadable) __builtin_trap();
}

void check_svg(const Report& report) {
  const auto svg = collected(print_svg, report);
  if (!svg.starts_with("<svg ") || !svg.ends_with("</svg>\n")) __builtin_trap();
  check_text(svg);
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  constexpr Details kEverything{.relocations = true, .symbols = true, .sections = true, .load_plan = true};
  const auto bytes = std::as_bytes(std::span{data, size});
  // The first bytes are also the file's name.
  const auto name_size = size < 16 ? size : 16;
  const auto report = make_report({reinterpret_cast<const char*>(data), name_size}, bytes, kEverything);
  if (!report.loadable && shown_problems(report).empty()) __builtin_trap();
  if (make_report("", bytes).loadable != report.loadable) __builtin_trap();
  check_texts(report);
  check_json(report);
  check_svg(report);
  return 0;
}
