// Writes line tables of DWARF debug information (.debug_line).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::testing {

// From this address up to that of the next row, code is of a line of a file: by its number, in DWARF 4 from 1 on.
struct LineRow {
  std::uint64_t address = 0;
  std::uint8_t file = 1;
  std::uint8_t line = 1;  // at most 127
};

// The last row is the end of the code.
using LineSequence = std::vector<LineRow>;

struct LineFile {
  std::string name;
  std::uint8_t directory = 0;  // 0: that of the compilation
};

// DWARF 2 to 4 (version), or 5; 32-bit or 64-bit format.
struct LineTable {
  std::uint16_t version = 4;
  bool is_64_bit = false;
  std::vector<std::string> directories = {};  // from number 1 on
  std::vector<LineFile> files = {};
  std::vector<LineSequence> sequences = {};
};

[[nodiscard]] auto write_line_table(const LineTable& table, entry::Endian endian = entry::Endian::little)
    -> std::vector<std::byte>;

// Writes into a table of DWARF's 32-bit format, little endian, how long it is now.
void patch_line_table_size(std::vector<std::byte>& table);

}  // namespace hermitage::testing
