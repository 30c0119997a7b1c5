// Names from a file. A name can be as long as the file, and many names can share the same bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace hermitage::inspect {

// The largest size of a name in a report, in bytes. Longer names are truncated.
inline constexpr std::size_t kMaxName = 4096;

// Returns "the beginning… (60000000 bytes)" for a name of more than kMaxName bytes, and other names unchanged.
[[nodiscard]] auto shortened(std::string_view name) -> std::string;

// A string table. Each string ends with a NUL, or at the end of the table.
class StringTable {
 public:
  explicit StringTable(std::string_view table) : table_{table} {}

  // Returns the string at an offset, or an empty string for offsets beyond the table. All calls together read each
  // byte of the table at most once, plus kMaxName bytes for each call.
  [[nodiscard]] auto at(std::uint64_t offset) -> std::string_view;

 private:
  [[nodiscard]] auto end_of_long(std::size_t offset) -> std::size_t;

  std::string_view table_;
  std::map<std::size_t, std::size_t> long_;  // begin and end of strings longer than kMaxName; these do not overlap
};

}  // namespace hermitage::inspect
