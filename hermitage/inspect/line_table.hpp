// The source file of each byte of the code, and the source lines of single addresses, from the line tables in the debug
// information (.debug_line of DWARF 2 to 5). The other debug information is not read.
#pragma once

#include <cstdint>
#include <span>
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
  std::vector<std::string> files;  // paths, at most kMaxName bytes; those of Rust's libraries begin with "library/"
  std::vector<LineRange> ranges;   // in the order of the tables; may overlap
};

struct LineSections {
  entry::ByteView line;          // .debug_line
  std::string_view line_string;  // .debug_line_str
  std::string_view string;       // .debug_str
};

// The largest number of directories, and of files, of a table that have a name. Real tables have some thousands.
inline constexpr std::uint64_t kMaxLineFiles = 65'536;

// Reads all tables, each up to its first error. Omits sequences that begin at address 0, because the linker has
// discarded their code, and all that exceeds the budget.
[[nodiscard]] auto read_line_tables(const LineSections& sections, Budget& budget) -> LineTables;

struct SourceLine {
  std::string file;        // as in LineTables; empty: not known
  std::uint32_t line = 0;  // from 1; 0: the compiler has made the code without a line

  friend auto operator==(const SourceLine&, const SourceLine&) -> bool = default;
};

// Finds the line of the code at each of these addresses, as linked. If several tables claim an address, the first one
// counts. Reads all tables once.
[[nodiscard]] auto find_lines(const LineSections& sections, std::span<const std::uint64_t> addresses, Budget& budget)
    -> std::vector<SourceLine>;

}  // namespace hermitage::inspect
