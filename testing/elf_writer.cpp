#include "testing/elf_writer.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>
#include <utility>

#include "hermitage/entry/notes.hpp"

namespace hermitage::testing {
namespace {

namespace elf = entry::elf;

constexpr std::uint32_t kSectionProgramBits = 1;       // SHT_PROGBITS
constexpr std::uint32_t kSectionStrings = 3;           // SHT_STRTAB
constexpr std::uint32_t kSectionRela = 4;              // SHT_RELA
constexpr std::uint32_t kSectionHash = 5;              // SHT_HASH
constexpr std::uint32_t kSectionDynamic = 6;           // SHT_DYNAMIC
constexpr std::uint32_t kSectionNote = 7;              // SHT_NOTE
constexpr std::uint32_t kSectionRelr = 19;             // SHT_RELR
constexpr std::uint32_t kSectionGnuHash = 0x6ffffff6;  // SHT_GNU_HASH

constexpr std::uint64_t kSectionWrite = 1;    // SHF_WRITE
constexpr std::uint64_t kSectionAlloc = 2;    // SHF_ALLOC
constexpr std::uint64_t kSectionExecute = 4;  // SHF_EXECINSTR

constexpr std::size_t kNoteHeaderSize = 12;
constexpr std::uint64_t kSmallestNoteAlignment = 4;

auto align_up(std::uint64_t value, std::uint64_t alignment) -> std::uint64_t {
  return entry::checked_align_up(value, alignment).value();
}

template <std::unsigned_integral T>
auto to_bytes(std::span<const T> words, entry::Endian endian) -> std::vector<std::byte> {
  std::vector<std::byte> bytes(words.size_bytes());
  for (std::size_t i = 0; i < words.size(); ++i) entry::write<T>(bytes, i * sizeof(T), words[i], endian);
  return bytes;
}

auto machine_of(entry::Arch arch) -> std::uint16_t {
  switch (arch) {
    case entry::Arch::x86_64: return elf::kMachineX86_64;
    case entry::Arch::aarch64: return elf::kMachineAarch64;
    case entry::Arch::riscv64: return elf::kMachineRiscv;
  }
  std::unreachable();
}

// What compilers for Hermit set: on riscv64, compressed instructions and the double-float ABI.
auto header_flags_of(entry::Arch arch) -> std::uint32_t {
  return arch == entry::Arch::riscv64 ? 5 : 0;
}

class StringTable {
 public:
  // Returns the offset of the text; that of the empty one is 0.
  auto add(std::string_view text) -> std::uint32_t {
    if (text.empty()) return 0;
    const auto offset = text_.size();
    text_.append(text).push_back('\0');
    return static_cast<std::uint32_t>(offset);
  }

  [[nodiscard]] auto text() const -> const std::string& { return text_; }

 private:
  std::string text_ = std::string(1, '\0');
};

// The names of symbols, and where each one stands in the string table.
auto add_names(const std::vector<SymbolDescription>& symbols, StringTable& strings) -> std::vector<std::uint32_t> {
  std::vector<std::uint32_t> names;
  names.reserve(symbols.size());
  for (const auto& symbol : symbols) names.push_back(strings.add(symbol.name));
  return names;
}

auto gnu_hash_of(std::string_view name) -> std::uint32_t {
  std::uint32_t hash = 5381;
  for (const char character : name) hash = hash * 33 + static_cast<unsigned char>(character);
  return hash;
}

// Lays out the whole file first, then fills it.
class Writer {
 public:
  explicit Writer(const Elf& description) : elf_{description} { lay_out_header_segment(); }

  [[nodiscard]] auto header_segment_size() const -> std::uint64_t { return header_segment_size_; }

  auto write() && -> std::vector<std::byte> {
    lay_out_load_segments();
    lay_out_other_segments();
    if (elf_.has_section_headers) lay_out_sections();

    file_.resize(end_);
    put_header();
    put_program_headers();
    put_notes();
    if (has_dynamic()) put_dynamic_tables();
    put_bytes(header_segment_size_ - elf_.rodata.size(), elf_.rodata);
    for (std::size_t i = 0; i < elf_.segments.size(); ++i) put_bytes(segment_offsets_[i], elf_.segments[i].bytes);
    if (elf_.has_section_headers) put_sections();
    return std::move(file_);
  }

 private:
  // A section's number; 0 stands for a section that the file does not have.
  using SectionNumber = std::size_t;

  struct NamedSection {
    std::string_view name;
    elf::Section header = {};
  };

  // ---- Layout: each of these makes room at the end of the file.

  auto add_section(std::string_view name, const elf::Section& header) -> SectionNumber {
    sections_.push_back({.name = name, .header = header});
    return sections_.size() - 1;
  }

  // A table that is not loaded has no address.
  auto add_table(std::string_view name, std::uint32_t type, std::uint64_t size, std::uint64_t alignment,
                 std::uint64_t entry_size = 0, bool is_loaded = true) -> SectionNumber {
    if (entry::is_power_of_two(alignment)) end_ = align_up(end_, alignment);
    const auto offset = std::exchange(end_, end_ + size);
    return add_section(name, {.type = type,
                              .flags = is_loaded ? kSectionAlloc : 0,
                              .addr = is_loaded ? elf_.base + offset : 0,
                              .offset = offset,
                              .size = size,
                              .addralign = alignment,
                              .entsize = entry_size});
  }

  void lay_out_header_segment() {
    end_ = elf::FileHeader::kSize + program_header_count() * elf::Segment::kSize;
    lay_out_notes();
    if (has_dynamic()) lay_out_dynamic_tables();
    if (!elf_.rodata.empty()) add_table(".rodata", kSectionProgramBits, elf_.rodata.size(), 16);
    header_segment_size_ = end_;
  }

  [[nodiscard]] auto program_header_count() const -> std::size_t {
    return (elf_.has_header_segment ? 1 : 0) + elf_.segments.size() + (elf_.tls ? 1 : 0) + (has_dynamic() ? 1 : 0) +
           elf_.extra_segments.size() + note_segment_count();
  }

  [[nodiscard]] auto note_segment_count() const -> std::size_t {
    return elf_.has_segment_per_note ? elf_.notes.size() : std::min<std::size_t>(elf_.notes.size(), 1);
  }

  [[nodiscard]] auto has_dynamic() const -> bool {
    return !elf_.relocations.empty() || !elf_.relr.empty() || !elf_.dynamic_symbols.empty() || !elf_.needed.empty() ||
           !elf_.extra_dynamic.empty();
  }

  [[nodiscard]] auto note_padding() const -> std::uint64_t {
    return entry::is_power_of_two(elf_.note_alignment) ? std::max(elf_.note_alignment, kSmallestNoteAlignment)
                                                       : kSmallestNoteAlignment;
  }

  [[nodiscard]] auto desc_offset(const NoteDescription& note) const -> std::uint64_t {
    return align_up(kNoteHeaderSize + note.name.size() + 1, note_padding());
  }

  [[nodiscard]] auto note_size(const NoteDescription& note) const -> std::uint64_t {
    return align_up(desc_offset(note) + note.desc.size(), note_padding());
  }

  void lay_out_notes() {
    const auto count = note_segment_count();
    std::vector<std::uint64_t> sizes(count);
    for (std::size_t i = 0; i < elf_.notes.size(); ++i) sizes[std::min(i, count - 1)] += note_size(elf_.notes[i]);
    for (const auto size : sizes) {
      end_ = align_up(end_, note_padding());
      notes_.push_back(add_table(".note", kSectionNote, size, elf_.note_alignment));
    }
  }

  void lay_out_dynamic_tables() {
    const std::size_t symbol_count = elf_.dynamic_symbols.size() + 1;
    dynamic_symbol_names_ = add_names(elf_.dynamic_symbols, dynamic_strings_);
    dynamic_entries_.reserve(elf_.needed.size());
    for (const auto& library : elf_.needed) {
      dynamic_entries_.push_back({elf::kTagNeeded, dynamic_strings_.add(library)});
    }

    dynsym_ =
        add_table(".dynsym", elf::kSectionDynamicSymbols, symbol_count * elf::Symbol::kSize, 8, elf::Symbol::kSize);
    if (elf_.hash_tables == HashTables::gnu || elf_.hash_tables == HashTables::both) {
      gnu_hash_ = add_table(".gnu.hash", kSectionGnuHash, 28 + (symbol_count - 1) * 4, 8);
    }
    if (elf_.hash_tables == HashTables::sysv || elf_.hash_tables == HashTables::both) {
      hash_ = add_table(".hash", kSectionHash, 12 + symbol_count * 4, 4, 4);
    }
    dynstr_ = add_table(".dynstr", kSectionStrings, dynamic_strings_.text().size(), 1);
    if (!elf_.relocations.empty()) {
      rela_ = add_table(".rela.dyn", kSectionRela, elf_.relocations.size() * elf::Rela::kSize, 8, elf::Rela::kSize);
    }
    if (!elf_.relr.empty()) {
      relr_ = add_table(".relr.dyn", kSectionRelr, elf_.relr.size() * elf::RelrWord::kSize, 8, elf::RelrWord::kSize);
    }
    link_dynamic_tables();
    add_dynamic_entries();
    dynamic_ = add_table(".dynamic", kSectionDynamic, dynamic_entries_.size() * elf::DynamicEntry::kSize, 8,
                         elf::DynamicEntry::kSize);
    sections_[dynamic_].header.link = static_cast<std::uint32_t>(dynstr_);
  }

  void link_dynamic_tables() {
    for (const auto number : {gnu_hash_, hash_, rela_}) {
      if (number != 0) sections_[number].header.link = static_cast<std::uint32_t>(dynsym_);
    }
    sections_[dynsym_].header.link = static_cast<std::uint32_t>(dynstr_);
    sections_[dynsym_].header.info = first_global(elf_.dynamic_symbols);
  }

  void add_dynamic_entries() {
    auto& entries = dynamic_entries_;
    const auto address_of = [this](SectionNumber number) { return sections_[number].header.addr; };
    const auto size_of = [this](SectionNumber number) { return sections_[number].header.size; };
    if (rela_ != 0) {
      entries.push_back({elf::kTagRela, address_of(rela_)});
      entries.push_back({elf::kTagRelaSize, size_of(rela_)});
      entries.push_back({elf::kTagRelaEntry, elf::Rela::kSize});
    }
    if (relr_ != 0) {
      entries.push_back({elf::kTagRelr, address_of(relr_)});
      entries.push_back({elf::kTagRelrSize, size_of(relr_)});
      entries.push_back({elf::kTagRelrEntry, elf::RelrWord::kSize});
    }
    entries.push_back({elf::kTagSymbolTable, address_of(dynsym_)});
    entries.push_back({elf::kTagSymbolEntry, elf::Symbol::kSize});
    entries.push_back({elf::kTagStringTable, address_of(dynstr_)});
    entries.push_back({elf::kTagStringTableSize, size_of(dynstr_)});
    if (gnu_hash_ != 0) entries.push_back({elf::kTagGnuHash, address_of(gnu_hash_)});
    if (hash_ != 0) entries.push_back({elf::kTagHash, address_of(hash_)});
    entries.insert(entries.end(), elf_.extra_dynamic.begin(), elf_.extra_dynamic.end());
    entries.push_back({elf::kTagNull, 0});
  }

  void lay_out_load_segments() {
    if (elf_.has_header_segment) {
      program_headers_.push_back({.type = elf::kSegmentLoad,
                                  .flags = elf::kFlagRead,
                                  .offset = 0,
                                  .vaddr = elf_.base,
                                  .paddr = elf_.base,
                                  .filesz = header_segment_size_,
                                  .memsz = header_segment_size_,
                                  .align = 0x1000});
    }
    for (const auto& segment : elf_.segments) {
      const auto offset = place(segment);
      segment_offsets_.push_back(offset);
      program_headers_.push_back({.type = elf::kSegmentLoad,
                                  .flags = segment.flags,
                                  .offset = offset,
                                  .vaddr = segment.vaddr,
                                  .paddr = segment.vaddr,
                                  .filesz = segment.bytes.size(),
                                  .memsz = segment.memory_size(),
                                  .align = segment.align});
      add_segment_sections(segment, offset);
      end_ = offset + segment.bytes.size();
    }
  }

  // Where in the file a segment goes.
  [[nodiscard]] auto place(const LoadSegment& segment) const -> std::uint64_t {
    if (elf_.layout == FileLayout::congruent) {
      const auto alignment = entry::is_power_of_two(segment.align) ? segment.align : 1;
      return end_ + ((segment.vaddr - end_) & (alignment - 1));
    }
    constexpr std::uint64_t kSmallestPage = 4096;
    const auto offset = align_up(end_, 8);
    return (offset - segment.vaddr) % kSmallestPage == 0 ? offset + 8 : offset;
  }

  void add_segment_sections(const LoadSegment& segment, std::uint64_t offset) {
    const bool is_code = (segment.flags & elf::kFlagExecute) != 0;
    const bool is_writable = (segment.flags & elf::kFlagWrite) != 0;
    const auto flags = kSectionAlloc | (is_code ? kSectionExecute : 0) | (is_writable ? kSectionWrite : 0);
    const std::uint64_t size = segment.bytes.size();
    if (size != 0) {
      add_section(is_code       ? ".text"
                  : is_writable ? ".data"
                                : ".rodata",
                  {.type = kSectionProgramBits,
                   .flags = flags,
                   .addr = segment.vaddr,
                   .offset = offset,
                   .size = size,
                   .addralign = 1});
    }
    if (segment.memory_size() > size) {
      add_section(".bss", {.type = elf::kSectionNoBits,
                           .flags = flags,
                           .addr = segment.vaddr + size,
                           .offset = offset + size,
                           .size = segment.memory_size() - size,
                           .addralign = 1});
    }
  }

  void lay_out_other_segments() {
    if (elf_.tls) {
      program_headers_.push_back({.type = elf::kSegmentTls,
                                  .flags = elf::kFlagRead,
                                  .offset = file_offset_of(elf_.tls->vaddr),
                                  .vaddr = elf_.tls->vaddr,
                                  .paddr = elf_.tls->vaddr,
                                  .filesz = elf_.tls->filesz,
                                  .memsz = elf_.tls->memsz,
                                  .align = elf_.tls->align});
    }
    if (dynamic_ != 0) add_segment_of(dynamic_, elf::kSegmentDynamic);
    program_headers_.insert(program_headers_.end(), elf_.extra_segments.begin(), elf_.extra_segments.end());
    for (const auto number : notes_) add_segment_of(number, elf::kSegmentNote);
  }

  void add_segment_of(SectionNumber number, std::uint32_t type) {
    const auto& section = sections_[number].header;
    program_headers_.push_back({.type = type,
                                .flags = elf::kFlagRead,
                                .offset = section.offset,
                                .vaddr = section.addr,
                                .paddr = section.addr,
                                .filesz = section.size,
                                .memsz = section.size,
                                .align = section.addralign});
  }

  // Of the load segments laid out so far; 0 for an address in none of them.
  [[nodiscard]] auto file_offset_of(std::uint64_t vaddr) const -> std::uint64_t {
    for (const auto& segment : program_headers_) {
      if (vaddr >= segment.vaddr && vaddr - segment.vaddr < segment.memsz) {
        return segment.offset + (vaddr - segment.vaddr);
      }
    }
    return 0;
  }

  void lay_out_sections() {
    if (!elf_.symbols.empty()) {
      symbol_names_ = add_names(elf_.symbols, strings_);
      symtab_ = add_table(".symtab", elf::kSectionSymbolTable, (elf_.symbols.size() + 1) * elf::Symbol::kSize, 8,
                          elf::Symbol::kSize, false);
      strtab_ = add_table(".strtab", kSectionStrings, strings_.text().size(), 1, 0, false);
      sections_[symtab_].header.link = static_cast<std::uint32_t>(strtab_);
      sections_[symtab_].header.info = first_global(elf_.symbols);
    }
    for (const auto& [name, bytes] : elf_.extra_sections) {
      extra_.push_back(add_table(name, kSectionProgramBits, bytes.size(), 1, 0, false));
    }
    shstrtab_ = add_table(".shstrtab", kSectionStrings, 0, 1, 0, false);
    for (auto& [name, header] : sections_) header.name = section_names_.add(name);
    sections_[shstrtab_].header.size = section_names_.text().size();
    section_headers_at_ = align_up(end_ + section_names_.text().size(), 8);
    end_ = section_headers_at_ + sections_.size() * elf::Section::kSize;
  }

  // sh_info of a symbol table: the number of the first symbol that is not local.
  [[nodiscard]] static auto first_global(const std::vector<SymbolDescription>& symbols) -> std::uint32_t {
    const auto is_global = [](const SymbolDescription& symbol) { return symbol.info >> 4 != kBindLocal; };
    const auto first = std::ranges::find_if(symbols, is_global);
    return static_cast<std::uint32_t>(std::distance(symbols.begin(), first)) + 1;
  }

  // ---- Content

  template <std::unsigned_integral T>
  void put(std::uint64_t offset, T value) {
    entry::write<T>(file_, offset, value, elf_.endian);
  }

  void put_bytes(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(file_.data() + offset, bytes.data(), bytes.size());
  }

  void put_text(std::uint64_t offset, std::string_view text) { put_bytes(offset, std::as_bytes(std::span{text})); }

  void put_header() {
    constexpr std::uint32_t kMagic = 0x7f454c46;
    entry::write<std::uint32_t, entry::Endian::big>(file_, 0, kMagic);
    put(elf::kIdentClass, elf::kClass64);
    put(elf::kIdentData, elf_.endian == entry::Endian::little ? elf::kDataLittle : elf::kDataBig);
    put(elf::kIdentVersion, elf::kVersionCurrent);
    put(elf::kIdentOsAbi, elf_.os_abi);

    put_field(HeaderField::type, elf_.type);
    put_field(HeaderField::machine, machine_of(elf_.arch));
    put_field(HeaderField::version, std::uint32_t{elf::kVersionCurrent});
    put_field(HeaderField::entry, elf_.entry_point);
    put_field(HeaderField::phoff, std::uint64_t{elf::FileHeader::kSize});
    put_field(HeaderField::flags, header_flags_of(elf_.arch));
    put_field(HeaderField::ehsize, static_cast<std::uint16_t>(elf::FileHeader::kSize));
    put_field(HeaderField::phentsize, static_cast<std::uint16_t>(elf::Segment::kSize));
    put_field(HeaderField::phnum, static_cast<std::uint16_t>(program_headers_.size()));
    put_field(HeaderField::shentsize, static_cast<std::uint16_t>(elf::Section::kSize));
    if (!elf_.has_section_headers) return;
    put_field(HeaderField::shoff, section_headers_at_);
    put_field(HeaderField::shnum, static_cast<std::uint16_t>(sections_.size()));
    put_field(HeaderField::shstrndx, static_cast<std::uint16_t>(shstrtab_));
  }

  template <std::unsigned_integral T>
  void put_field(HeaderField field, T value) {
    put(offset_of(field), value);
  }

  void put_program_headers() {
    for (std::size_t i = 0; i < program_headers_.size(); ++i) {
      const auto& segment = program_headers_[i];
      put(offset_of(SegmentField::type, i), segment.type);
      put(offset_of(SegmentField::flags, i), segment.flags);
      put(offset_of(SegmentField::offset, i), segment.offset);
      put(offset_of(SegmentField::vaddr, i), segment.vaddr);
      put(offset_of(SegmentField::paddr, i), segment.paddr);
      put(offset_of(SegmentField::filesz, i), segment.filesz);
      put(offset_of(SegmentField::memsz, i), segment.memsz);
      put(offset_of(SegmentField::align, i), segment.align);
    }
  }

  void put_notes() {
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < elf_.notes.size(); ++i) {
      if (i < notes_.size()) offset = sections_[notes_[i]].header.offset;
      const auto& note = elf_.notes[i];
      put(offset, static_cast<std::uint32_t>(note.name.size() + 1));
      put(offset + 4, static_cast<std::uint32_t>(note.desc.size()));
      put(offset + 8, note.type);
      put_text(offset + kNoteHeaderSize, note.name);
      put_bytes(offset + desc_offset(note), note.desc);
      offset += note_size(note);
    }
  }

  [[nodiscard]] auto offset_of_section(SectionNumber number) const -> std::uint64_t {
    return sections_[number].header.offset;
  }

  void put_dynamic_tables() {
    put_symbols(offset_of_section(dynsym_), elf_.dynamic_symbols, dynamic_symbol_names_);
    put_text(offset_of_section(dynstr_), dynamic_strings_.text());
    if (gnu_hash_ != 0) put_gnu_hash(offset_of_section(gnu_hash_));
    if (hash_ != 0) put_sysv_hash(offset_of_section(hash_));
    if (rela_ != 0) put_relocations(offset_of_section(rela_));
    if (relr_ != 0) put_words(offset_of_section(relr_), std::span<const std::uint64_t>{elf_.relr});
    auto at = offset_of_section(dynamic_);
    for (const auto [tag, value] : dynamic_entries_) {
      put(at, tag);
      put(at + 8, value);
      at += elf::DynamicEntry::kSize;
    }
  }

  template <std::unsigned_integral T>
  void put_words(std::uint64_t offset, std::span<const T> words) {
    for (std::size_t i = 0; i < words.size(); ++i) put(offset + i * sizeof(T), words[i]);
  }

  void put_symbols(std::uint64_t offset, const std::vector<SymbolDescription>& symbols,
                   const std::vector<std::uint32_t>& names) {
    for (std::size_t i = 0; i < symbols.size(); ++i) {
      const auto at = offset + (i + 1) * elf::Symbol::kSize;
      put(at, names[i]);
      put(at + 4, symbols[i].info);
      put(at + 6, symbols[i].section.value_or(section_at(symbols[i].value)));
      put(at + 8, symbols[i].value);
      put(at + 16, symbols[i].size);
    }
  }

  [[nodiscard]] auto section_at(std::uint64_t vaddr) const -> std::uint16_t {
    const auto found = std::ranges::find_if(sections_, [vaddr](const NamedSection& section) {
      const auto& header = section.header;
      return (header.flags & kSectionAlloc) != 0 && vaddr >= header.addr && vaddr - header.addr < header.size;
    });
    if (found == sections_.end()) return kSectionAbsolute;
    return static_cast<std::uint16_t>(std::distance(sections_.begin(), found));
  }

  // Both hash tables have one bucket, so that the symbols need not be sorted.
  void put_sysv_hash(std::uint64_t offset) {
    const auto symbol_count = static_cast<std::uint32_t>(elf_.dynamic_symbols.size() + 1);
    std::vector<std::uint32_t> words{1, symbol_count, symbol_count > 1 ? 1U : 0U};
    words.resize(words.size() + symbol_count);
    for (std::uint32_t i = 1; i + 1 < symbol_count; ++i) words[3 + i] = i + 1;
    put_words(offset, std::span<const std::uint32_t>{words});
  }

  void put_gnu_hash(std::uint64_t offset) {
    constexpr std::uint32_t kBloomShift = 6;
    std::vector<std::uint32_t> chain;
    std::uint64_t bloom = 0;
    for (const auto& symbol : elf_.dynamic_symbols) {
      const auto hash = gnu_hash_of(symbol.name);
      bloom |= std::uint64_t{1} << hash % 64 | std::uint64_t{1} << (hash >> kBloomShift) % 64;
      chain.push_back(hash & ~1U);
    }
    if (!chain.empty()) chain.back() |= 1;

    const std::uint32_t header[] = {1, 1, 1, kBloomShift};
    put_words(offset, std::span<const std::uint32_t>{header});
    put(offset + 16, bloom);
    put(offset + 24, chain.empty() ? 0U : 1U);
    put_words(offset + 28, std::span<const std::uint32_t>{chain});
  }

  void put_relocations(std::uint64_t offset) {
    for (const auto& rela : elf_.relocations) {
      put(offset + elf::Rela::kOffsetAt, rela.offset);
      put(offset + elf::Rela::kInfoAt, std::uint64_t{rela.symbol} << 32 | rela.type);
      put(offset + elf::Rela::kAddendAt, rela.addend);
      offset += elf::Rela::kSize;
    }
  }

  void put_sections() {
    if (symtab_ != 0) {
      put_symbols(offset_of_section(symtab_), elf_.symbols, symbol_names_);
      put_text(offset_of_section(strtab_), strings_.text());
    }
    for (std::size_t i = 0; i < extra_.size(); ++i) {
      put_bytes(offset_of_section(extra_[i]), elf_.extra_sections[i].bytes);
    }
    put_text(offset_of_section(shstrtab_), section_names_.text());
    auto at = section_headers_at_;
    for (const auto& [name, header] : sections_) {
      put(at, header.name);
      put(at + 4, header.type);
      put(at + 8, header.flags);
      put(at + 16, header.addr);
      put(at + 24, header.offset);
      put(at + 32, header.size);
      put(at + 40, header.link);
      put(at + 44, header.info);
      put(at + 48, header.addralign);
      put(at + 56, header.entsize);
      at += elf::Section::kSize;
    }
  }

  const Elf& elf_;
  std::vector<std::byte> file_;
  std::uint64_t end_ = 0;  // of what has been laid out
  std::uint64_t header_segment_size_ = 0;
  std::uint64_t section_headers_at_ = 0;

  std::vector<elf::Segment> program_headers_;
  std::vector<std::uint64_t> segment_offsets_;  // of elf_.segments, in the file
  std::vector<NamedSection> sections_{NamedSection{}};
  std::vector<SectionNumber> notes_, extra_;
  SectionNumber dynsym_ = 0, dynstr_ = 0, gnu_hash_ = 0, hash_ = 0, rela_ = 0, relr_ = 0, dynamic_ = 0;
  SectionNumber symtab_ = 0, strtab_ = 0, shstrtab_ = 0;

  StringTable dynamic_strings_, strings_, section_names_;
  std::vector<std::uint32_t> dynamic_symbol_names_, symbol_names_;
  std::vector<elf::DynamicEntry> dynamic_entries_;
};

auto endian_of(std::span<const std::byte> file) -> entry::Endian {
  return std::to_integer<std::uint8_t>(file[elf::kIdentData]) == elf::kDataBig ? entry::Endian::big
                                                                               : entry::Endian::little;
}

}  // namespace

auto write(const Elf& elf) -> std::vector<std::byte> {
  return Writer{elf}.write();
}

auto header_segment_size(const Elf& elf) -> std::uint64_t {
  return Writer{elf}.header_segment_size();
}

auto encode_relr(std::span<const std::uint64_t> places) -> std::vector<std::uint64_t> {
  constexpr std::uint64_t kWordSize = 8;
  constexpr std::uint64_t kPlacesPerBitmap = 63;
  std::vector<std::uint64_t> words;
  for (std::size_t i = 0; i < places.size();) {
    words.push_back(places[i]);
    auto next = places[i++] + kWordSize;
    for (std::uint64_t bitmap = 1; bitmap != 0; next += kPlacesPerBitmap * kWordSize) {
      bitmap = 0;
      for (; i < places.size(); ++i) {
        const auto distance = places[i] - next;
        if (distance % kWordSize != 0 || distance / kWordSize >= kPlacesPerBitmap) break;
        bitmap |= std::uint64_t{1} << distance / kWordSize;
      }
      if (bitmap != 0) words.push_back(bitmap << 1 | 1);
    }
  }
  return words;
}

auto hermit_note(std::uint8_t entry_version) -> NoteDescription {
  return {.name = std::string{entry::kHermitNoteName},
          .type = entry::kHermitEntryVersionNote,
          .desc = {std::byte{entry_version}}};
}

auto abi_tag_note(entry::HermitVersion version, entry::Endian endian) -> NoteDescription {
  const std::uint32_t words[] = {entry::kGnuAbiTagHermit, version.major, version.minor, version.patch};
  return {.name = std::string{entry::kGnuNoteName},
          .type = entry::kGnuAbiTagNote,
          .desc = to_bytes(std::span<const std::uint32_t>{words}, endian)};
}

auto uhyve_note(std::uint32_t interface_version) -> NoteDescription {
  return {.name = std::string{entry::kUhyveNoteName},
          .type = entry::kUhyveInterfaceNote,
          .desc = to_bytes(std::span<const std::uint32_t>{&interface_version, 1}, entry::Endian::big)};
}

auto xen_pvh_note(std::uint32_t entry_point) -> NoteDescription {
  return {.name = std::string{entry::kXenNoteName},
          .type = entry::kXenPvhEntryNote,
          .desc = to_bytes(std::span<const std::uint32_t>{&entry_point, 1}, entry::Endian::little)};
}

auto find_segment(std::span<const std::byte> file, std::uint32_t type, std::size_t n) -> std::size_t {
  const auto endian = endian_of(file);
  const auto count = entry::read<std::uint16_t>(file, offset_of(HeaderField::phnum), endian);
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = entry::read<std::uint32_t>(file, offset_of(SegmentField::type, i), endian);
    if (found == type && n-- == 0) return i;
  }
  throw std::out_of_range{"no such segment"};
}

auto segment_begin(std::span<const std::byte> file, std::size_t index) -> std::size_t {
  return entry::read<std::uint64_t>(file, offset_of(SegmentField::offset, index), endian_of(file));
}

auto find_dynamic_value(std::span<const std::byte> file, std::uint64_t tag) -> std::size_t {
  const auto endian = endian_of(file);
  auto at = segment_begin(file, find_segment(file, elf::kSegmentDynamic));
  for (;; at += elf::DynamicEntry::kSize) {
    const auto found = entry::read<std::uint64_t>(file, at, endian);
    if (found == tag) return at + 8;
    if (found == elf::kTagNull) throw std::out_of_range{"no such dynamic entry"};
  }
}

}  // namespace hermitage::testing
