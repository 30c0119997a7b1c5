// Reads line tables from any bytes. The same bytes are also the string sections.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/inspect/line_table.hpp"
#include "hermitage/inspect/names.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage;
  const auto bytes = std::as_bytes(std::span{data, size});
  for (const auto endian : {entry::Endian::little, entry::Endian::big}) {
    const entry::ByteView view{bytes, endian};
    inspect::Budget budget{size};
    const auto tables =
        inspect::read_line_tables({.line = view, .line_string = view.text(), .string = view.text()}, budget);
    const std::uint64_t addresses[] = {0, 0x1000, 0x1010, size, UINT64_MAX};
    inspect::Budget other{size};
    const auto lines =
        inspect::find_lines({.line = view, .line_string = view.text(), .string = view.text()}, addresses, other);
    if (lines.size() != std::size(addresses)) __builtin_trap();
    for (const auto& file : tables.files) {
      if (file.size() > inspect::kMaxName + 64) __builtin_trap();
    }
    for (const auto& range : tables.ranges) {
      if (range.begin >= range.end || range.file >= tables.files.size()) __builtin_trap();
    }
  }
  return 0;
}
