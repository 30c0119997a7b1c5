// Reads line tables from any bytes. The same bytes are also the string sections.
#include <cstddef>
#include <cstdint>
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
    for (const auto& file : tables.files) {
      if (file.size() > inspect::kMaxName + 64) __builtin_trap();
    }
    for (const auto& range : tables.ranges) {
      if (range.begin >= range.end || range.file >= tables.files.size()) __builtin_trap();
    }
  }
  return 0;
}
