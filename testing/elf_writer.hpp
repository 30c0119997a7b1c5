// Writes ELF64 files of every architecture and byte order: right ones, and wrong ones.
//
// An Elf says what shall be in the file. The writer puts no question to it: what does not fit together, or
// cannot be loaded, is written as it stands. What cannot be said with an Elf can be patched into the bytes.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/version.hpp"

namespace hermitage::testing {

// Numbers of symbols for which the library has no use.
inline constexpr std::uint8_t kBindLocal = 0;              // STB_LOCAL
inline constexpr std::uint8_t kBindGlobal = 1;             // STB_GLOBAL
inline constexpr std::uint8_t kTypeNone = 0;               // STT_NOTYPE
inline constexpr std::uint8_t kTypeObject = 1;             // STT_OBJECT
inline constexpr std::uint8_t kTypeFunction = 2;           // STT_FUNC
inline constexpr std::uint16_t kSectionAbsolute = 0xfff1;  // SHN_ABS

[[nodiscard]] constexpr auto symbol_info(std::uint8_t bind, std::uint8_t type) noexcept -> std::uint8_t {
  return static_cast<std::uint8_t>(bind << 4 | type);
}

struct LoadSegment {
  std::uint64_t vaddr = 0;
  std::uint32_t flags = entry::elf::kFlagRead;
  std::vector<std::byte> bytes = {};                  // what it has in the file
  std::optional<std::uint64_t> memsz = std::nullopt;  // in bytes; as much as in the file unless given
  std::uint64_t align = 0x1000;

  [[nodiscard]] auto memory_size() const noexcept -> std::uint64_t { return memsz.value_or(bytes.size()); }
};

// PT_TLS: a part of a load segment, in bytes.
struct Tls {
  std::uint64_t vaddr = 0;
  std::uint64_t filesz = 0;
  std::uint64_t memsz = 0;
  std::uint64_t align = 1;
};

struct NoteDescription {
  std::string name;
  std::uint32_t type = 0;
  std::vector<std::byte> desc = {};
};

struct SymbolDescription {
  std::string name;
  std::uint8_t info = symbol_info(kBindGlobal, kTypeNone);
  // Unless given, the section that the value lies in, or else SHN_ABS.
  std::optional<std::uint16_t> section = std::nullopt;
  std::uint64_t value = 0;
  std::uint64_t size = 0;
};

// A section that is not loaded, SHT_PROGBITS, such as .debug_line.
struct SectionDescription {
  std::string name;
  std::vector<std::byte> bytes = {};
};

// Which tables a file has for finding dynamic symbols by name; a loader counts the symbols by them.
enum class HashTables : std::uint8_t { none, sysv, gnu, both };

enum class FileLayout : std::uint8_t {
  congruent,  // p_offset and p_vaddr are equal modulo p_align, as linkers have it
  packed,     // one segment right behind the other, never equal modulo 4096
};

// The file begins with the ELF header, the program headers, notes, the tables that the dynamic section names,
// the dynamic section and `rodata`. All of that is the header segment, a PT_LOAD segment at `base`, as lld makes
// it. `segments` follow, whose addresses must leave room for it (see header_segment_size), and what is not loaded
// (.symtab, section headers) comes last.
//
// Program headers stand in this order: header segment, `segments`, PT_TLS, PT_DYNAMIC, `extra_segments`, PT_NOTEs.
struct Elf {
  entry::Arch arch = entry::Arch::x86_64;
  entry::Endian endian = entry::Endian::little;
  std::uint16_t type = entry::elf::kTypeDynamic;
  std::uint8_t os_abi = entry::elf::kOsAbiStandalone;
  std::uint64_t entry_point = 0;

  std::uint64_t base = 0;
  bool has_header_segment = true;      // without it, nothing of the above is loaded, nor found by its address
  std::vector<std::byte> rodata = {};  // at the very end of the header segment
  std::vector<LoadSegment> segments = {};
  FileLayout layout = FileLayout::congruent;
  std::optional<Tls> tls = std::nullopt;
  std::vector<entry::elf::Segment> extra_segments = {};

  std::vector<NoteDescription> notes = {};
  std::uint64_t note_alignment = 4;   // p_align of PT_NOTE, and the padding where it is a power of two above 4
  bool has_segment_per_note = false;  // else all notes are in one PT_NOTE

  // There is a dynamic section (with a symbol table, if need be an empty one) when one of these is not empty.
  std::vector<entry::elf::Rela> relocations = {};
  std::vector<std::uint64_t> relr = {};                      // words of DT_RELR, see encode_relr
  std::vector<SymbolDescription> dynamic_symbols = {};       // the first one is symbol 1; 0 is none
  std::vector<std::string> needed = {};                      // DT_NEEDED
  std::vector<entry::elf::DynamicEntry> extra_dynamic = {};  // behind the others, of which they override the values
  HashTables hash_tables = HashTables::both;

  bool has_section_headers = true;
  std::vector<SymbolDescription> symbols = {};  // .symtab, which goes with the section headers; local ones first
  std::vector<SectionDescription> extra_sections = {};  // go with the section headers, too
};

[[nodiscard]] auto write(const Elf& elf) -> std::vector<std::byte>;

// How many bytes the header segment takes. Depends on the number and size of things, not on their addresses.
[[nodiscard]] auto header_segment_size(const Elf& elf) -> std::uint64_t;

// The words of a DT_RELR table for these places, which are even, in ascending order and do not overlap.
[[nodiscard]] auto encode_relr(std::span<const std::uint64_t> places) -> std::vector<std::uint64_t>;

// The notes of a Hermit kernel.
[[nodiscard]] auto hermit_note(std::uint8_t entry_version = entry::kEntryVersion) -> NoteDescription;
[[nodiscard]] auto abi_tag_note(entry::HermitVersion version, entry::Endian endian) -> NoteDescription;
[[nodiscard]] auto uhyve_note(std::uint32_t interface_version) -> NoteDescription;  // big endian everywhere
[[nodiscard]] auto xen_pvh_note(std::uint32_t entry_point) -> NoteDescription;      // little endian: x86 only

// The fields of the ELF header, by their offsets in the file, from e_type on.
enum class HeaderField : std::uint8_t {
  type = 16,
  machine = 18,
  version = 20,
  entry = 24,
  phoff = 32,
  shoff = 40,
  flags = 48,
  ehsize = 52,
  phentsize = 54,
  phnum = 56,
  shentsize = 58,
  shnum = 60,
  shstrndx = 62,
};

// The fields of a program header, by their offsets in it.
enum class SegmentField : std::uint8_t {
  type = 0,
  flags = 4,
  offset = 8,
  vaddr = 16,
  paddr = 24,
  filesz = 32,
  memsz = 40,
  align = 48,
};

[[nodiscard]] constexpr auto offset_of(HeaderField field) noexcept -> std::size_t {
  return static_cast<std::size_t>(field);
}

// In a file as `write` makes it; `index` counts all program headers from 0.
[[nodiscard]] constexpr auto offset_of(SegmentField field, std::size_t index) noexcept -> std::size_t {
  return entry::elf::FileHeader::kSize + index * entry::elf::Segment::kSize + static_cast<std::size_t>(field);
}

// The index of the n-th (from 0) program header of a type. Throws std::out_of_range when there is none.
[[nodiscard]] auto find_segment(std::span<const std::byte> file, std::uint32_t type, std::size_t n = 0) -> std::size_t;

// The offset in the file of the first byte of a segment.
[[nodiscard]] auto segment_begin(std::span<const std::byte> file, std::size_t index) -> std::size_t;

// The offset in the file of the value of the first dynamic entry with this tag, whose tag is 8 bytes before.
// Throws std::out_of_range when there is none.
[[nodiscard]] auto find_dynamic_value(std::span<const std::byte> file, std::uint64_t tag) -> std::size_t;

// Overwrites an integer in the file. Throws std::out_of_range when it would not be in there.
template <std::unsigned_integral T>
void patch(std::span<std::byte> file, std::size_t offset, T value, entry::Endian endian) {
  if (!entry::range_fits(offset, sizeof value, file.size())) throw std::out_of_range{"patch outside of the file"};
  entry::write<T>(file, offset, value, endian);
}

}  // namespace hermitage::testing
