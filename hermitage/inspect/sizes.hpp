// The sizes of the parts of a loaded kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hermitage::inspect {

// The key for the sums of bytes.
enum class SizesBy : std::uint8_t { crate, function, file, segment };

// "crate"
[[nodiscard]] auto name(SizesBy by) -> std::string_view;
[[nodiscard]] auto parse_sizes_by(std::string_view name) -> std::optional<SizesBy>;

// Numbers of bytes of the loaded kernel.
struct ByteCount {
  std::uint64_t file = 0;  // bytes from the file
  std::uint64_t zero = 0;  // zero-filled bytes

  [[nodiscard]] auto total() const -> std::uint64_t { return file + zero; }
  friend auto operator==(const ByteCount&, const ByteCount&) -> bool = default;
};

// Names in Sizes are those of the file, demangled, and at most kMaxName bytes (hermitage/inspect/names.hpp).

struct SizePart {
  std::string name = {};
  ByteCount bytes = {};

  friend auto operator==(const SizePart&, const SizePart&) -> bool = default;
};

struct SizeRow {
  std::string name = {};
  ByteCount bytes = {};
  std::uint64_t symbols = 0;         // number of symbols; 0 for bytes from line tables
  std::vector<SizePart> parts = {};  // for crates and segments: the functions and data, the largest first
};

// The names of special rows. No compiler generates such names.
inline constexpr std::string_view kUnknown = "[unknown]";       // the crate is unknown
inline constexpr std::string_view kNoFile = "[no file]";        // the file is unknown; the crate follows
inline constexpr std::string_view kCNames = "[C]";              // names that are not mangled: C, assembly, no_mangle
inline constexpr std::string_view kCppNames = "[C++]";          // names of C++
inline constexpr std::string_view kNoSymbol = "[no symbol]";    // bytes without a symbol
inline constexpr std::string_view kNoSection = "[no section]";  // bytes without a symbol and without a section
inline constexpr std::string_view kConstants = "[unnamed constants]";  // strings and tables named by the compiler
inline constexpr std::string_view kOthers = "[others]";                // the names that exceed the budget

// Counts each byte of the loaded kernel once: for the symbol that begins first; of symbols with the same beginning,
// for the longest; of equal symbols, for the first in the table.
struct Sizes {
  std::string file = {};  // name of the file
  SizesBy by = SizesBy::crate;
  std::uint64_t file_size = 0;     // size of the kernel
  ByteCount image = {};            // all PT_LOAD
  std::vector<SizeRow> rows = {};  // sorted by bytes from the file, the largest first

  // The bytes that are in no row, by section. Empty for SizesBy::segment.
  ByteCount unexplained = {};
  std::vector<SizePart> unexplained_sections = {};

  // The bytes of the file that are not loaded, by section.
  std::uint64_t not_loaded = 0;
  std::vector<SizePart> not_loaded_sections = {};

  std::uint64_t left_out = 0;  // number of names, symbols and ranges of line tables that exceed the budget
};

// Accepts any bytes; `file` is only a name. A file that is not ELF64 has no loaded kernel. docs/limits.md states the
// maximum time and memory.
[[nodiscard]] auto make_sizes(std::string file, std::span<const std::byte> bytes, SizesBy by) -> Sizes;

}  // namespace hermitage::inspect
