// Names from a file, of which any may be as long as the file, and any number may share the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace hermitage::inspect {

// Of a longer name, a report has so many bytes at its beginning.
inline constexpr std::size_t kMaxName = 4096;

// "the beginning… (60000000 bytes)" of a name that has more than kMaxName bytes, and the whole of any other.
[[nodiscard]] auto shortened(std::string_view name) -> std::string;

// A table of strings that end with a NUL, or with the table.
class StringTable {
 public:
  explicit StringTable(std::string_view table) : table_{table} {}

  // The string at an offset; empty behind the end of the table. However many are asked for, each byte of the table is
  // looked at once at most, and kMaxName bytes for each string.
  [[nodiscard]] auto at(std::uint64_t offset) -> std::string_view;

 private:
  [[nodiscard]] auto end_of_long(std::size_t offset) -> std::size_t;

  std::string_view table_;
  std::map<std::size_t, std::size_t> long_;  // where strings longer than kMaxName begin and end; they do not overlap
};

}  // namespace hermitage::inspect
