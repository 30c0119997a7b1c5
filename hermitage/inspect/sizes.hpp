// Where the bytes of a loaded kernel go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hermitage::inspect {

// What the bytes are counted by.
enum class SizesBy : std::uint8_t { crate, function, file, segment };

// "crate"
[[nodiscard]] auto name(SizesBy by) -> std::string_view;
[[nodiscard]] auto parse_sizes_by(std::string_view name) -> std::optional<SizesBy>;

// Bytes of an image.
struct ByteCount {
  std::uint64_t file = 0;  // that come from the file
  std::uint64_t zero = 0;  // that are zero-filled

  [[nodiscard]] auto total() const -> std::uint64_t { return file + zero; }
  friend auto operator==(const ByteCount&, const ByteCount&) -> bool = default;
};

// Names in Sizes are as they stand in the file, demangled, and up to kMaxName bytes (hermitage/inspect/names.hpp).

struct SizePart {
  std::string name = {};
  ByteCount bytes = {};

  friend auto operator==(const SizePart&, const SizePart&) -> bool = default;
};

struct SizeRow {
  std::string name = {};
  ByteCount bytes = {};
  std::uint64_t symbols = 0;         // that the bytes are of; those of line tables have none
  std::vector<SizePart> parts = {};  // by crate and by segment: its functions and data, the largest first
};

// The names of rows that are made here; no compiler makes such names.
inline constexpr std::string_view kUnknown = "[unknown]";       // no crate can be told
inline constexpr std::string_view kNoFile = "[no file]";        // no file can be told; the crate follows
inline constexpr std::string_view kCNames = "[C]";              // names that are not mangled: C, assembly, no_mangle
inline constexpr std::string_view kCppNames = "[C++]";          // names of C++
inline constexpr std::string_view kNoSymbol = "[no symbol]";    // no symbol explains the bytes
inline constexpr std::string_view kNoSection = "[no section]";  // nor does a section
inline constexpr std::string_view kConstants = "[unnamed constants]";  // strings and tables that the compiler has named
inline constexpr std::string_view kOthers = "[others]";                // what there was no room for

// Each byte of the image is counted once: by the symbol that begins first, of those that begin together by the longest,
// of equal ones by the first in the table.
struct Sizes {
  std::string file = {};  // its name
  SizesBy by = SizesBy::crate;
  std::uint64_t file_size = 0;     // of the kernel
  ByteCount image = {};            // all PT_LOAD
  std::vector<SizeRow> rows = {};  // the largest in the file first

  // Of the image, what no row has, by section. By segment there is nothing of it.
  ByteCount unexplained = {};
  std::vector<SizePart> unexplained_sections = {};

  // Bytes of the file that are not loaded, by section.
  std::uint64_t not_loaded = 0;
  std::vector<SizePart> not_loaded_sections = {};

  std::uint64_t left_out = 0;  // names, symbols and pieces of line tables that there was no room for
};

// Takes any bytes; `file` is only a name. What is no ELF64 file has no image. docs/limits.md says what time and
// memory it takes at most.
[[nodiscard]] auto make_sizes(std::string file, std::span<const std::byte> bytes, SizesBy by) -> Sizes;

}  // namespace hermitage::inspect
