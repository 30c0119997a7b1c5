#include "testing/line_tables.hpp"

#include <concepts>
#include <initializer_list>
#include <string_view>

namespace hermitage::testing {
namespace {

class Bytes {
 public:
  explicit Bytes(entry::Endian endian) : endian_{endian} {}

  template <std::unsigned_integral T>
  void put(T value) {
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof value);
    entry::write<T>(bytes_, at, value, endian_);
  }
  void put_all(std::initializer_list<std::uint8_t> values) {
    for (const auto value : values) put(value);
  }
  void put_offset(std::uint64_t value, bool is_64_bit) {
    if (is_64_bit) return put(value);
    put(static_cast<std::uint32_t>(value));
  }
  void put_text(std::string_view text) {
    for (const char c : text) put(static_cast<std::uint8_t>(c));
    put(std::uint8_t{0});
  }
  void put_bytes(const std::vector<std::byte>& bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  [[nodiscard]] auto bytes() const -> const std::vector<std::byte>& { return bytes_; }

 private:
  entry::Endian endian_;
  std::vector<std::byte> bytes_;
};

using Byte = std::uint8_t;

void put_old_names(Bytes& header, const LineTable& table) {
  for (const auto& directory : table.directories) header.put_text(directory);
  header.put(Byte{0});
  for (const auto& file : table.files) {
    header.put_text(file.name);
    header.put(file.directory);
    header.put(Byte{0});
    header.put(Byte{0});
  }
  header.put(Byte{0});
}

// Directories and files are strings in the table itself (DW_FORM_string).
void put_names(Bytes& header, const LineTable& table) {
  header.put_all({1, 1, 8});  // one value: DW_LNCT_path
  header.put(static_cast<Byte>(table.directories.size() + 1));
  header.put_text("/of/the/compilation");
  for (const auto& directory : table.directories) header.put_text(directory);
  header.put_all({2, 1, 8, 2, 11});  // and DW_LNCT_directory_index as DW_FORM_data1
  header.put(static_cast<Byte>(table.files.size()));
  for (const auto& file : table.files) {
    header.put_text(file.name);
    header.put(file.directory);
  }
}

void put_sequence(Bytes& program, const LineSequence& rows) {
  int line = 1;
  for (const auto& row : rows) {
    program.put_all({0, 9, 2});  // DW_LNE_set_address
    program.put(row.address);
    if (&row == &rows.back()) break;
    // DW_LNS_advance_line by a difference of two bytes in LEB128, DW_LNS_set_file, DW_LNS_copy
    const auto difference = static_cast<unsigned>(row.line - line);
    program.put_all({3, static_cast<Byte>(difference | 0x80U), static_cast<Byte>(difference >> 7 & 0x7fU)});
    program.put_all({4, row.file, 1});
    line = row.line;
  }
  program.put_all({0, 1, 1});  // DW_LNE_end_sequence
}

}  // namespace

auto write_line_table(const LineTable& table, entry::Endian endian) -> std::vector<std::byte> {
  Bytes header{endian};
  header.put(Byte{1});                          // minimum_instruction_length
  if (table.version >= 4) header.put(Byte{1});  // maximum_operations_per_instruction
  header.put_all({1, 251, 14, 13});             // default_is_stmt, line_base, line_range, opcode_base
  header.put_all({0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1});
  table.version >= 5 ? put_names(header, table) : put_old_names(header, table);

  Bytes unit{endian};
  unit.put(table.version);
  if (table.version >= 5) {
    unit.put(Byte{8});
    unit.put(Byte{0});
  }
  unit.put_offset(header.bytes().size(), table.is_64_bit);
  unit.put_bytes(header.bytes());
  for (const auto& sequence : table.sequences) put_sequence(unit, sequence);

  Bytes all{endian};
  if (table.is_64_bit) all.put(std::uint32_t{0xffffffff});
  all.put_offset(unit.bytes().size(), table.is_64_bit);
  all.put_bytes(unit.bytes());
  return all.bytes();
}

void patch_line_table_size(std::vector<std::byte>& table) {
  entry::write<std::uint32_t>(table, 0, static_cast<std::uint32_t>(table.size() - 4), entry::Endian::little);
}

}  // namespace hermitage::testing
