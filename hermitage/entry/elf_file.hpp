// An ELF64 file of either byte order, as far as it can be read.
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

// The values of the dynamic section that matter to a loader; of several entries with one tag the last counts.
struct DynamicInfo {
  std::optional<std::uint64_t> rela, rela_size, rela_entry;
  std::optional<std::uint64_t> relr, relr_size, relr_entry;
  std::optional<std::uint64_t> symbols, symbol_entry;
  std::optional<std::uint64_t> strings, strings_size;
  std::optional<std::uint64_t> hash, gnu_hash;
  std::optional<std::uint64_t> rel_size, plt_rel_size;
  bool is_linked_dynamically = false;  // DT_NEEDED
};

// Views of every part of the file, for those who want to look at it whatever its state: a table that is cut
// off by the end of the file is given up to there, one that lies outside is empty. Nothing is copied, and
// nothing that a view hands out lies outside of the file. Whether it is a kernel that can be loaded is for
// KernelObject::parse to say.
class ElfFile {
 public:
  // Fails (not_elf, truncated_header, not_64_bit, unknown_byte_order) only when there is nothing to be read.
  [[nodiscard]] static auto open(std::span<const std::byte> bytes) noexcept -> std::expected<ElfFile, ParseError>;

  [[nodiscard]] auto bytes() const noexcept -> ByteView { return bytes_; }
  [[nodiscard]] auto endian() const noexcept -> Endian { return bytes_.endian(); }
  [[nodiscard]] auto header() const noexcept -> const elf::FileHeader& { return header_; }

  [[nodiscard]] auto segments() const noexcept -> Table<elf::Segment> { return segments_; }
  // How many program and section headers the file says that it has: e_phnum and e_shnum, or, where these are too small
  // for it, section header 0.
  [[nodiscard]] auto segment_count() const noexcept -> std::uint64_t;
  [[nodiscard]] auto section_count() const noexcept -> std::uint64_t;
  [[nodiscard]] auto sections() const noexcept -> Table<elf::Section>;
  [[nodiscard]] auto section_name(const elf::Section& section) const noexcept -> std::string_view;

  // The first segment of a type.
  [[nodiscard]] auto find_segment(std::uint32_t type) const noexcept -> std::optional<elf::Segment>;
  // The bytes that a segment has in the file.
  [[nodiscard]] auto segment_bytes(const elf::Segment& segment) const noexcept -> ByteView;
  // The bytes that a section has in the file; none for SHT_NOBITS.
  [[nodiscard]] auto section_bytes(const elf::Section& section) const noexcept -> ByteView;

  // The notes of one PT_NOTE segment.
  [[nodiscard]] auto notes(const elf::Segment& segment) const noexcept -> Notes;
  // Calls visit(const elf::Segment&, index) for each PT_NOTE segment in order; but not for those that begin where all
  // of them together have more bytes than the file, as overlapping ones can, so that reading all notes takes no longer
  // than reading the file. False when there is such a one.
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
  [[nodiscard]] auto dynamic_info() const noexcept -> const DynamicInfo& { return dynamic_info_; }

  // DT_RELA and DT_RELR, found through the segments.
  [[nodiscard]] auto relocations() const noexcept -> Table<elf::Rela>;
  [[nodiscard]] auto relr() const noexcept -> Table<elf::RelrWord>;

  // The symbols that relocations refer to: DT_SYMTAB, found through the segments, else the SHT_DYNSYM section.
  [[nodiscard]] auto dynamic_symbols() const noexcept -> SymbolTable;
  // The SHT_SYMTAB section, which a stripped file has not.
  [[nodiscard]] auto symbols() const noexcept -> SymbolTable;

  // The bytes in the file that are loaded at [vaddr, vaddr + size), found through the PT_LOAD segments;
  // nothing when they do not all come from one segment's part of the file.
  [[nodiscard]] auto bytes_at(std::uint64_t vaddr, std::uint64_t size) const noexcept -> std::optional<ByteView>;
  // From vaddr to the end of the file's part of its segment.
  [[nodiscard]] auto bytes_from(std::uint64_t vaddr) const noexcept -> std::optional<ByteView>;

 private:
  // Section header 0, when there is one; all zeros else.
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
