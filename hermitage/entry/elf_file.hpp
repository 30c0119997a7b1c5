// Access to an ELF64 file of either byte order, which may be malformed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/notes.hpp"
#include "hermitage/entry/problem.hpp"
#include "hermitage/entry/symbol_table.hpp"
#include "hermitage/entry/table.hpp"

namespace hermitage::entry {

// The values of the dynamic section that a loader needs. If several entries have the same tag, the last one counts.
struct DynamicInfo {
  std::optional<std::uint64_t> rela, rela_size, rela_entry;
  std::optional<std::uint64_t> relr, relr_size, relr_entry;
  std::optional<std::uint64_t> symbols, symbol_entry;
  std::optional<std::uint64_t> strings, strings_size;
  std::optional<std::uint64_t> hash, gnu_hash;
  std::optional<std::uint64_t> rel_size, plt_rel_size;
  bool is_linked_dynamically = false;  // DT_NEEDED
};

// Views of every part of a file, also of a malformed one. A table that the end of the file truncates has the entries
// before that end. A table outside of the file is empty. A view copies nothing, and never refers to bytes outside of
// the file. KernelObject::parse checks whether the file is a kernel that can be loaded.
class ElfFile {
 public:
  // Fails (not_elf, truncated_header, not_64_bit, unknown_byte_order) only if no part of the file can be read.
  [[nodiscard]] static auto open(std::span<const std::byte> bytes HERMITAGE_LIFETIMEBOUND) noexcept
      -> std::expected<ElfFile, ParseError>;
  // The bytes must outlive the views.
  template <TemporaryBytes Owner>
  static auto open(Owner&& bytes) = delete;

  [[nodiscard]] auto bytes() const noexcept -> ByteView { return bytes_; }
  [[nodiscard]] auto endian() const noexcept -> Endian { return bytes_.endian(); }
  [[nodiscard]] auto header() const noexcept HERMITAGE_LIFETIMEBOUND -> const elf::FileHeader& { return header_; }

  [[nodiscard]] auto segments() const noexcept -> Table<elf::Segment> { return segments_; }
  // The numbers of program and section headers that the file states: e_phnum and e_shnum, or, if the numbers do not
  // fit there, the values in section header 0.
  [[nodiscard]] auto segment_count() const noexcept -> std::uint64_t;
  [[nodiscard]] auto section_count() const noexcept -> std::uint64_t;
  [[nodiscard]] auto sections() const noexcept -> Table<elf::Section>;
  [[nodiscard]] auto section_name(const elf::Section& section) const noexcept -> std::string_view;

  // Returns the first segment of this type.
  [[nodiscard]] auto find_segment(std::uint32_t type) const noexcept -> std::optional<elf::Segment>;
  // The bytes of a segment in the file.
  [[nodiscard]] auto segment_bytes(const elf::Segment& segment) const noexcept -> ByteView;
  // The bytes of a section in the file. Empty for SHT_NOBITS.
  [[nodiscard]] auto section_bytes(const elf::Section& section) const noexcept -> ByteView;

  // The notes of one PT_NOTE segment.
  [[nodiscard]] auto notes(const elf::Segment& segment) const noexcept -> Notes;
  // Calls visit(const elf::Segment&, index) for each PT_NOTE segment in order. Segments can overlap. At the first
  // segment that makes the total size larger than the file, the function stops and returns false. Reading all notes
  // therefore takes no longer than reading the file.
  template <class Visitor>
  auto for_each_note_segment(Visitor&& visit) const -> bool {
    std::uint64_t left = bytes_.size();
    std::uint64_t index = 0;
    for (const auto segment : segments_) {
      if (segment.type == elf::kSegmentNote) {
        const auto size = segment_bytes(segment).size();
        if (size > left) return false;
        left -= size;
        visit(segment, index);
      }
      ++index;
    }
    return true;
  }
  // Calls visit(const Note&, offset of the note in the file) for the notes of these segments in order.
  template <class Visitor>
  void for_each_note(Visitor&& visit) const {
    for_each_note_segment([&](const elf::Segment& segment, std::uint64_t) {
      for (const auto& note : notes(segment)) visit(note, segment.offset + note.offset);
    });
  }

  // The entries of PT_DYNAMIC before DT_NULL.
  [[nodiscard]] auto dynamic() const noexcept -> Table<elf::DynamicEntry>;
  [[nodiscard]] auto dynamic_info() const noexcept HERMITAGE_LIFETIMEBOUND -> const DynamicInfo& {
    return dynamic_info_;
  }

  // DT_RELA and DT_RELR, found through the segments.
  [[nodiscard]] auto relocations() const noexcept -> Table<elf::Rela>;
  [[nodiscard]] auto relr() const noexcept -> Table<elf::RelrWord>;

  // The symbols that relocations refer to: DT_SYMTAB, found through the segments, or otherwise the SHT_DYNSYM
  // section.
  [[nodiscard]] auto dynamic_symbols() const noexcept -> SymbolTable;
  // The SHT_SYMTAB section. A stripped file has none.
  [[nodiscard]] auto symbols() const noexcept -> SymbolTable;

  // The bytes in the file that are loaded at [vaddr, vaddr + size), found through the PT_LOAD segments. Returns
  // nothing if one segment does not contain all of them in the file.
  [[nodiscard]] auto bytes_at(std::uint64_t vaddr, std::uint64_t size) const noexcept -> std::optional<ByteView>;
  // The bytes from vaddr to the end of its segment in the file.
  [[nodiscard]] auto bytes_from(std::uint64_t vaddr) const noexcept -> std::optional<ByteView>;

 private:
  // Section header 0, or all zeros if the file has no section headers.
  [[nodiscard]] auto first_section() const noexcept -> elf::Section;

  ElfFile(ByteView bytes, const elf::FileHeader& header) noexcept;

  [[nodiscard]] auto symbol_section(std::uint32_t type) const noexcept -> std::optional<SymbolTable>;
  [[nodiscard]] auto dynamic_symbol_count(std::uint64_t symbols_vaddr) const noexcept -> std::optional<std::uint64_t>;

  ByteView bytes_;
  elf::FileHeader header_;
  Table<elf::Segment> segments_;
  DynamicInfo dynamic_info_;
};

}  // namespace hermitage::entry
