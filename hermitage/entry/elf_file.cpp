#include "hermitage/entry/elf_file.hpp"

#include "hermitage/entry/format.hpp"

namespace hermitage::entry {
namespace {

auto read_dynamic_info(const Table<elf::DynamicEntry>& dynamic) noexcept -> DynamicInfo {
  DynamicInfo info;
  for (const auto [tag, value] : dynamic) {
    switch (tag) {
      case elf::kTagNeeded: info.is_linked_dynamically = true; break;
      case elf::kTagPltRelSize: info.plt_rel_size = value; break;
      case elf::kTagHash: info.hash = value; break;
      case elf::kTagStringTable: info.strings = value; break;
      case elf::kTagSymbolTable: info.symbols = value; break;
      case elf::kTagRela: info.rela = value; break;
      case elf::kTagRelaSize: info.rela_size = value; break;
      case elf::kTagRelaEntry: info.rela_entry = value; break;
      case elf::kTagStringTableSize: info.strings_size = value; break;
      case elf::kTagSymbolEntry: info.symbol_entry = value; break;
      case elf::kTagRelSize: info.rel_size = value; break;
      case elf::kTagRelrSize: info.relr_size = value; break;
      case elf::kTagRelr: info.relr = value; break;
      case elf::kTagRelrEntry: info.relr_entry = value; break;
      case elf::kTagGnuHash: info.gnu_hash = value; break;
      default: break;
    }
  }
  return info;
}

// DT_HASH: nbucket, nchain, …. The number of chain entries is the number of symbols.
auto count_by_hash(ByteView hash) noexcept -> std::optional<std::uint64_t> {
  const auto counts = hash.slice(0, 8);
  if (!counts) return std::nullopt;
  return counts->get<std::uint32_t>(4);
}

// DT_GNU_HASH: nbuckets, symoffset, bloom_size, bloom_shift, bloom words, buckets, chains. The last symbol is the end
// (lowest bit set) of the chain that begins at the highest bucket. A table without hashed symbols does not state the
// number of other symbols.
auto count_by_gnu_hash(ByteView hash) noexcept -> std::optional<std::uint64_t> {
  constexpr std::uint64_t kHeaderSize = 16;
  const auto header = hash.slice(0, kHeaderSize);
  if (!header) return std::nullopt;
  const std::uint64_t bucket_count = header->get<std::uint32_t>(0);
  const std::uint64_t first_symbol = header->get<std::uint32_t>(4);
  const std::uint64_t bloom_size = header->get<std::uint32_t>(8);

  const std::uint64_t buckets_at = kHeaderSize + bloom_size * sizeof(std::uint64_t);
  const auto buckets = hash.slice(buckets_at, bucket_count * sizeof(std::uint32_t));
  if (!buckets) return std::nullopt;
  std::uint64_t last = 0;
  for (std::uint64_t bucket = 0; bucket < bucket_count; ++bucket) {
    const std::uint64_t begin = buckets->get<std::uint32_t>(bucket * sizeof(std::uint32_t));
    if (begin > last) last = begin;
  }
  if (last == 0 || last < first_symbol) return std::nullopt;

  const std::uint64_t chains_at = buckets_at + buckets->size();
  for (;; ++last) {
    const auto link = hash.slice(chains_at + (last - first_symbol) * sizeof(std::uint32_t), sizeof(std::uint32_t));
    if (!link) return std::nullopt;
    if ((link->get<std::uint32_t>(0) & 1) != 0) return last + 1;
  }
}

}  // namespace

auto ElfFile::open(std::span<const std::byte> bytes) noexcept -> std::expected<ElfFile, ParseError> {
  const auto format = detect_format(bytes);
  if (format == Format::gzip) return std::unexpected{Problem{.code = ProblemCode::packed_image}};
  if (format != Format::elf && format != Format::elf32) {
    return std::unexpected{Problem{.code = ProblemCode::not_elf, .found = static_cast<std::uint64_t>(format)}};
  }
  if (bytes.size() < elf::FileHeader::kSize) {
    return std::unexpected{Problem{.code = ProblemCode::truncated_header,
                                   .offset = bytes.size(),
                                   .expected = elf::FileHeader::kSize,
                                   .found = bytes.size()}};
  }
  const auto elf_class = read<std::uint8_t, kNativeEndian>(bytes, elf::kIdentClass);
  if (elf_class != elf::kClass64) {
    return std::unexpected{Problem{
        .code = ProblemCode::not_64_bit, .offset = elf::kIdentClass, .expected = elf::kClass64, .found = elf_class}};
  }
  const auto data = read<std::uint8_t, kNativeEndian>(bytes, elf::kIdentData);
  if (data != elf::kDataLittle && data != elf::kDataBig) {
    return std::unexpected{Problem{.code = ProblemCode::unknown_byte_order, .offset = elf::kIdentData, .found = data}};
  }
  const ByteView view{bytes, data == elf::kDataLittle ? Endian::little : Endian::big};
  return ElfFile{view, elf::FileHeader::decode(view)};
}

ElfFile::ElfFile(ByteView bytes, const elf::FileHeader& header) noexcept
    : bytes_{bytes},
      header_{header},
      segments_{bytes.clamped_slice(header.phoff, segment_count() * elf::Segment::kSize)},
      dynamic_info_{read_dynamic_info(dynamic())} {}

auto ElfFile::first_section() const noexcept -> elf::Section {
  const auto bytes = header_.shoff == 0 ? std::nullopt : bytes_.slice(header_.shoff, elf::Section::kSize);
  return bytes ? elf::Section::decode(*bytes) : elf::Section{};
}

auto ElfFile::segment_count() const noexcept -> std::uint64_t {
  if (header_.phnum != elf::kExtendedSegmentCount) return header_.phnum;
  const auto count = first_section().info;
  return count == 0 ? header_.phnum : count;
}

auto ElfFile::section_count() const noexcept -> std::uint64_t {
  return header_.shnum == 0 ? first_section().size : header_.shnum;
}

auto ElfFile::sections() const noexcept -> Table<elf::Section> {
  // A file has at most one section per byte, and the product cannot overflow.
  const auto count = section_count() < bytes_.size() ? section_count() : bytes_.size();
  return Table<elf::Section>{bytes_.clamped_slice(header_.shoff, count * elf::Section::kSize)};
}

auto ElfFile::section_name(const elf::Section& section) const noexcept -> std::string_view {
  const auto all = sections();
  const std::uint32_t names = header_.shstrndx == elf::kExtendedSectionIndex ? first_section().link : header_.shstrndx;
  if (names >= all.size()) return {};
  return SymbolTable::string_at(section_bytes(all[names]), section.name);
}

auto ElfFile::find_segment(std::uint32_t type) const noexcept -> std::optional<elf::Segment> {
  for (const auto segment : segments_) {
    if (segment.type == type) return segment;
  }
  return std::nullopt;
}

auto ElfFile::segment_bytes(const elf::Segment& segment) const noexcept -> ByteView {
  return bytes_.clamped_slice(segment.offset, segment.filesz);
}

auto ElfFile::section_bytes(const elf::Section& section) const noexcept -> ByteView {
  if (section.type == elf::kSectionNoBits) return ByteView{{}, endian()};
  return bytes_.clamped_slice(section.offset, section.size);
}

auto ElfFile::notes(const elf::Segment& segment) const noexcept -> Notes {
  return {segment_bytes(segment), segment.align};
}

auto ElfFile::dynamic() const noexcept -> Table<elf::DynamicEntry> {
  const auto segment = find_segment(elf::kSegmentDynamic);
  if (!segment) return {};
  const Table<elf::DynamicEntry> entries{segment_bytes(*segment)};
  std::size_t count = 0;
  while (count < entries.size() && entries[count].tag != elf::kTagNull) ++count;
  return entries.first(count);
}

auto ElfFile::relocations() const noexcept -> Table<elf::Rela> {
  if (!dynamic_info_.rela || !dynamic_info_.rela_size) return {};
  const auto bytes = bytes_from(*dynamic_info_.rela);
  return bytes ? Table<elf::Rela>{bytes->clamped_slice(0, *dynamic_info_.rela_size)} : Table<elf::Rela>{};
}

auto ElfFile::relr() const noexcept -> Table<elf::RelrWord> {
  if (!dynamic_info_.relr || !dynamic_info_.relr_size) return {};
  const auto bytes = bytes_from(*dynamic_info_.relr);
  return bytes ? Table<elf::RelrWord>{bytes->clamped_slice(0, *dynamic_info_.relr_size)} : Table<elf::RelrWord>{};
}

auto ElfFile::dynamic_symbols() const noexcept -> SymbolTable {
  const auto vaddr = dynamic_info_.symbols;
  const auto bytes = vaddr ? bytes_from(*vaddr) : std::nullopt;
  if (!bytes) return symbol_section(elf::kSectionDynamicSymbols).value_or(SymbolTable{});

  const Table<elf::Symbol> symbols{*bytes};
  const auto count = dynamic_symbol_count(*vaddr);
  const auto strings = dynamic_info_.strings ? bytes_from(*dynamic_info_.strings) : std::nullopt;
  const auto names = strings ? strings->clamped_slice(0, dynamic_info_.strings_size.value_or(UINT64_MAX)) : ByteView{};
  return {symbols.first(count.value_or(symbols.size())), names};
}

auto ElfFile::symbols() const noexcept -> SymbolTable {
  return symbol_section(elf::kSectionSymbolTable).value_or(SymbolTable{});
}

auto ElfFile::symbol_section(std::uint32_t type) const noexcept -> std::optional<SymbolTable> {
  const auto all = sections();
  for (const auto section : all) {
    if (section.type != type) continue;
    const auto names = section.link < all.size() ? section_bytes(all[section.link]) : ByteView{};
    return SymbolTable{Table<elf::Symbol>{section_bytes(section)}, names};
  }
  return std::nullopt;
}

// The dynamic section does not state the number of symbols. The hash tables, the section or the string table do.
auto ElfFile::dynamic_symbol_count(std::uint64_t symbols_vaddr) const noexcept -> std::optional<std::uint64_t> {
  if (dynamic_info_.hash) {
    const auto hash = bytes_from(*dynamic_info_.hash);
    if (const auto count = hash ? count_by_hash(*hash) : std::nullopt) return count;
  }
  if (dynamic_info_.gnu_hash) {
    const auto hash = bytes_from(*dynamic_info_.gnu_hash);
    if (const auto count = hash ? count_by_gnu_hash(*hash) : std::nullopt) return count;
  }
  if (const auto section = symbol_section(elf::kSectionDynamicSymbols)) return section->size();
  // Linkers place the names directly after the symbols.
  if (dynamic_info_.strings && *dynamic_info_.strings > symbols_vaddr) {
    return (*dynamic_info_.strings - symbols_vaddr) / elf::Symbol::kSize;
  }
  return std::nullopt;
}

auto ElfFile::bytes_at(std::uint64_t vaddr, std::uint64_t size) const noexcept -> std::optional<ByteView> {
  const auto bytes = bytes_from(vaddr);
  return bytes ? bytes->slice(0, size) : std::nullopt;
}

auto ElfFile::bytes_from(std::uint64_t vaddr) const noexcept -> std::optional<ByteView> {
  for (const auto segment : segments_) {
    if (segment.type != elf::kSegmentLoad || vaddr < segment.vaddr) continue;
    const auto distance = vaddr - segment.vaddr;
    if (distance >= segment.filesz) continue;
    const auto bytes = segment_bytes(segment);
    return bytes.clamped_slice(distance, bytes.size());
  }
  return std::nullopt;
}

}  // namespace hermitage::entry
