// Which source file each byte of the code comes from, by the line tables of the debug information (.debug_line of DWARF
// 2 to 5). Nothing else of the debug information is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/inspect/budget.hpp"

namespace hermitage::inspect {

// The addresses [begin, end), as linked.
struct LineRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t file = 0;  // index in LineTables::files

  friend auto operator==(const LineRange&, const LineRange&) -> bool = default;
};

struct LineTables {
  std::vector<std::string> files;  // paths, up to kMaxName bytes; those of Rust's own libraries from "library/" on
  std::vector<LineRange> ranges;   // in the order of the tables; may overlap
};

struct LineSections {
  entry::ByteView line;          // .debug_line
  std::string_view line_string;  // .debug_line_str
  std::string_view string;       // .debug_str
};

// How many directories, and how many files, of one table have a name; real ones have some thousands.
inline constexpr std::uint64_t kMaxLineFiles = 65'536;

// All tables, each as far as it can be read. A sequence that begins at address 0 is of code that the linker has
// discarded, and left out. What the budget has no room for is left out, too.
[[nodiscard]] auto read_line_tables(const LineSections& sections, Budget& budget) -> LineTables;

}  // namespace hermitage::inspect
