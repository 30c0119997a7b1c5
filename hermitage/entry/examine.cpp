#include "hermitage/entry/examine.hpp"

#include "hermitage/entry/relocation.hpp"

namespace hermitage::entry {
namespace {

// Checks the parts of a file in one pass, in the order of its structure.
class Examiner {
 public:
  Examiner(const ElfFile& file, ProblemSink sink) noexcept : file_{file}, sink_{sink} {}

  auto run() noexcept -> KernelFacts {
    check_emptiness();
    check_header();
    check_segment_table();
    check_load_segments();
    check_tls();
    check_notes();
    check_dynamic();
    return facts_;
  }

 private:
  void report(const Problem& problem) noexcept {
    if (!stopped_) stopped_ = !sink_(problem);
  }

  // A Hermit application built without a boot feature links to a file that contains only headers. This causes all
  // other problems of the file, so the check comes first.
  void check_emptiness() noexcept {
    const auto& header = file_.header();
    if (header.entry == 0 && header.os_abi == elf::kOsAbiStandalone && !file_.find_segment(elf::kSegmentNote)) {
      report({.code = ProblemCode::empty_application, .offset = 24});
    }
  }

  void check_header() noexcept {
    const auto& header = file_.header();
    facts_.is_relocatable = header.type == elf::kTypeDynamic;
    if (header.type != elf::kTypeDynamic && header.type != elf::kTypeExecutable) {
      report({.code = ProblemCode::unsupported_type, .offset = 16, .found = header.type});
    }
    facts_.arch = arch_of_machine(header.machine);
    if (!facts_.arch) {
      report({.code = ProblemCode::unsupported_machine, .offset = 18, .found = header.machine});
    } else if (!supports(*facts_.arch, file_.endian())) {
      report({.code = ProblemCode::unsupported_byte_order, .offset = elf::kIdentData});
    }
  }

  void check_segment_table() noexcept {
    const auto& header = file_.header();
    if (header.phnum != 0 && header.phentsize != elf::Segment::kSize) {
      report({.code = ProblemCode::segment_entry_size,
              .offset = 54,
              .expected = elf::Segment::kSize,
              .found = header.phentsize});
    }
    const auto count = file_.segment_count();
    if (file_.segments().size() != count) {
      report({.code = ProblemCode::segment_table_outside_file,
              .offset = header.phoff,
              .expected = checked_add(header.phoff, count * elf::Segment::kSize).value_or(UINT64_MAX),
              .found = file_.bytes().size()});
      // No file has so many headers: the bytes at their place would only cause more problems.
      stopped_ = stopped_ || count > elf::kExtendedSegmentCount;
    }
  }

  void check_load_segments() noexcept {
    std::uint64_t index = 0;
    std::uint64_t end = 0;  // of the segments before this one
    for (const auto segment : file_.segments()) {
      if (stopped_) return;
      if (segment.type == elf::kSegmentLoad) check_load_segment(segment, index, end);
      ++index;
    }
    if (!facts_.first_vaddr) {
      report({.code = ProblemCode::no_load_segment});
      return;
    }
    facts_.mem_size = end - *facts_.first_vaddr;
    if (*facts_.mem_size == 0) report({.code = ProblemCode::empty_image});
  }

  void check_load_segment(const elf::Segment& segment, std::uint64_t index, std::uint64_t& end) noexcept {
    check_in_file(segment, index, ProblemCode::segment_outside_file);
    if (segment.filesz > segment.memsz) {
      report({.code = ProblemCode::segment_size, .index = index, .expected = segment.memsz, .found = segment.filesz});
    }
    if (!facts_.first_vaddr) {
      facts_.first_vaddr = segment.vaddr;
      end = segment.vaddr;
      if (facts_.is_relocatable && segment.vaddr != 0) {
        report({.code = ProblemCode::first_segment_not_at_zero, .index = index, .found = segment.vaddr});
      }
    }
    if (segment.vaddr < end) {
      report({.code = ProblemCode::segment_order, .index = index, .expected = end, .found = segment.vaddr});
    }
    const auto segment_end = checked_add(segment.vaddr, segment.memsz);
    if (!segment_end) {
      report({.code = ProblemCode::segment_address_overflow, .index = index, .found = segment.vaddr});
    } else if (*segment_end > end) {
      end = *segment_end;
    }
  }

  void check_in_file(const elf::Segment& segment, std::uint64_t index, ProblemCode code) noexcept {
    if (range_fits(segment.offset, segment.filesz, file_.bytes().size())) return;
    report({.code = code,
            .offset = segment.offset,
            .index = index,
            .expected = segment.filesz,
            .found = file_.bytes().size()});
  }

  void check_tls() noexcept {
    facts_.tls = file_.find_segment(elf::kSegmentTls);
    if (stopped_ || !facts_.tls) return;
    const auto& tls = *facts_.tls;
    if (tls.filesz > tls.memsz) {
      report({.code = ProblemCode::tls_size, .offset = tls.offset, .expected = tls.memsz, .found = tls.filesz});
    }
    // The kernel copies the TLS template from the loaded kernel, so that must contain it. An empty one can be
    // anywhere.
    if (tls.filesz == 0 || !facts_.mem_size) return;
    if (tls.vaddr < *facts_.first_vaddr || !range_fits(tls.vaddr - *facts_.first_vaddr, tls.filesz, *facts_.mem_size)) {
      report({.code = ProblemCode::tls_outside_image, .offset = tls.offset, .found = tls.vaddr});
    }
  }

  void check_notes() noexcept {
    bool has_note_segment = false;
    const bool is_complete = file_.for_each_note_segment([&](const elf::Segment& segment, std::uint64_t index) {
      has_note_segment = true;
      if (!stopped_) check_note_segment(segment, index);
    });
    if (!is_complete) report({.code = ProblemCode::note_segments_overlap});
    if (!has_note_segment) report({.code = ProblemCode::no_note_segment});
    if (!facts_.entry_version) {
      report({.code = ProblemCode::no_hermit_note});
    } else if (*facts_.entry_version != kEntryVersion) {
      report({.code = ProblemCode::entry_version,
              .offset = entry_version_at_,
              .expected = kEntryVersion,
              .found = *facts_.entry_version});
    }
  }

  void check_note_segment(const elf::Segment& segment, std::uint64_t index) noexcept {
    check_in_file(segment, index, ProblemCode::note_segment_outside_file);
    const bool is_well_aligned = segment.align == 0 || is_power_of_two(segment.align);
    const auto notes = file_.notes(segment);
    const auto malformed_at = is_well_aligned ? notes.malformed_at() : 0;
    if (malformed_at) {
      report({.code = ProblemCode::malformed_note, .offset = segment.offset + *malformed_at, .index = index});
    }
    for (const auto& note : notes) take_note(note, segment.offset + note.offset);
  }

  // Of several notes of one kind, the first counts, as in hermit-entry.
  void take_note(const Note& note, std::uint64_t offset) noexcept {
    if (!facts_.entry_version) {
      facts_.entry_version = entry_version_of(note);
      entry_version_at_ = offset;
    }
    if (!facts_.hermit_version) facts_.hermit_version = hermit_version_of(note);
    if (facts_.uhyve_interface || !note.is(kUhyveNoteName, kUhyveInterfaceNote)) return;
    facts_.uhyve_interface = uhyve_interface_of(note);
    if (!facts_.uhyve_interface) {
      report({.code = ProblemCode::malformed_uhyve_note,
              .offset = offset,
              .expected = sizeof(std::uint32_t),
              .found = note.desc.size()});
    }
  }

  void check_dynamic() noexcept {
    if (stopped_) return;
    std::uint64_t index = 0;
    for (const auto segment : file_.segments()) {
      if (segment.type == elf::kSegmentDynamic) {
        check_in_file(segment, index, ProblemCode::dynamic_segment_outside_file);
        break;
      }
      ++index;
    }
    const auto& info = file_.dynamic_info();
    if (info.is_linked_dynamically) report({.code = ProblemCode::linked_dynamically});
    if (info.rel_size.value_or(0) != 0) report({.code = ProblemCode::implicit_addends});
    check_relocation_table(info.rela, info.rela_size, info.rela_entry, elf::Rela::kSize);
    check_relocation_table(info.relr, info.relr_size, info.relr_entry, elf::RelrWord::kSize);
    check_entry_size(info.symbol_entry, elf::Symbol::kSize);
    if (info.symbols && !file_.bytes_from(*info.symbols)) {
      report({.code = ProblemCode::symbols_outside_file, .found = *info.symbols});
    }
  }

  void check_relocation_table(std::optional<std::uint64_t> vaddr, std::optional<std::uint64_t> size,
                              std::optional<std::uint64_t> entry_size, std::uint64_t wanted_entry_size) noexcept {
    check_entry_size(entry_size, wanted_entry_size);
    if (size.value_or(0) == 0) return;
    if (*size % wanted_entry_size != 0) {
      report({.code = ProblemCode::relocation_table_size, .expected = wanted_entry_size, .found = *size});
    }
    if (!vaddr || !file_.bytes_at(*vaddr, *size)) {
      report({.code = ProblemCode::relocations_outside_file, .expected = *size, .found = vaddr.value_or(0)});
    }
  }

  void check_entry_size(std::optional<std::uint64_t> size, std::uint64_t wanted) noexcept {
    if (size.value_or(wanted) == wanted) return;
    report({.code = ProblemCode::relocation_entry_size, .expected = wanted, .found = *size});
  }

  const ElfFile& file_;
  ProblemSink sink_;
  KernelFacts facts_;
  std::uint64_t entry_version_at_ = 0;
  bool stopped_ = false;
};

// Stops when the sink returns false. Each function checks one condition.
class OddityExaminer {
 public:
  OddityExaminer(const ElfFile& file, const KernelFacts& facts, ProblemSink sink) noexcept
      : file_{file}, facts_{facts}, sink_{sink} {}

  void run() noexcept {
    check_header();
    check_notes();
    check_segments();
    check_entry();
    check_relocations();
    check_sections();
  }

 private:
  void report(const Problem& problem) noexcept {
    if (!stopped_) stopped_ = !sink_(problem);
  }

  void check_header() noexcept {
    const auto& header = file_.header();
    if (header.os_abi != elf::kOsAbiStandalone) {
      report({.code = ProblemCode::os_abi,
              .offset = elf::kIdentOsAbi,
              .expected = elf::kOsAbiStandalone,
              .found = header.os_abi});
    }
    if (header.ident_version != elf::kVersionCurrent) {
      report({.code = ProblemCode::elf_version,
              .offset = elf::kIdentVersion,
              .expected = elf::kVersionCurrent,
              .found = header.ident_version});
    }
  }

  void check_notes() noexcept {
    bool is_first_segment = true;
    file_.for_each_note_segment([&](const elf::Segment& segment, std::uint64_t index) {
      for (const auto& note : file_.notes(segment)) {
        check_note(note, segment.offset + note.offset, index, is_first_segment);
      }
      is_first_segment = false;
    });
    if (!facts_.entry_version) return;
    if (!facts_.hermit_version) report({.code = ProblemCode::no_abi_tag});
    check_uhyve_interface();
  }

  void check_note(const Note& note, std::uint64_t offset, std::uint64_t segment_index, bool is_first) noexcept {
    if (note.is(kXenNoteName, kXenPvhEntryNote)) report({.code = ProblemCode::boots_by_pvh, .offset = offset});
    if (entry_version_of(note)) {
      if (!is_first && !has_entry_version_) {
        report({.code = ProblemCode::note_in_later_segment, .offset = offset, .index = segment_index});
      }
      has_entry_version_ = true;
    }
    constexpr std::uint64_t kAbiTagSize = 16;
    if (note.is(kGnuNoteName, kGnuAbiTagNote) && note.desc.size() != kAbiTagSize) {
      report({.code = ProblemCode::malformed_abi_tag,
              .offset = offset,
              .expected = kAbiTagSize,
              .found = note.desc.size()});
    }
  }

  void check_uhyve_interface() noexcept {
    constexpr HermitVersion kFirstAlwaysWithNote{.major = 0, .minor = 12, .patch = 0};
    constexpr std::uint64_t kLowestGuestBase = std::uint64_t{4} << 30;
    const auto interface = facts_.uhyve_interface;
    if (!interface) {
      if (facts_.hermit_version >= kFirstAlwaysWithNote) report({.code = ProblemCode::no_uhyve_interface});
      return;
    }
    if (*interface > kNewestUhyveInterface || interface->value == 0) {
      report({.code = ProblemCode::unknown_uhyve_interface,
              .expected = kNewestUhyveInterface.value,
              .found = interface->value});
    }
    if (interface->value >= 2 && !facts_.is_relocatable && facts_.first_vaddr &&
        *facts_.first_vaddr < kLowestGuestBase) {
      report({.code = ProblemCode::fixed_below_4_gib, .expected = interface->value, .found = *facts_.first_vaddr});
    }
  }

  void check_segments() noexcept {
    std::uint64_t index = 0;
    for (const auto segment : file_.segments()) {
      if (segment.type == elf::kSegmentLoad) check_load_segment(segment, index);
      if (segment.type == elf::kSegmentGnuStack && (segment.flags & elf::kFlagExecute) != 0) {
        report({.code = ProblemCode::executable_stack, .index = index});
      }
      if (segment.align != 0 && !is_power_of_two(segment.align)) {
        report({.code = ProblemCode::segment_alignment, .index = index, .found = segment.align});
      }
      ++index;
    }
  }

  void check_load_segment(const elf::Segment& segment, std::uint64_t index) noexcept {
    constexpr std::uint32_t kWritableCode = elf::kFlagWrite | elf::kFlagExecute;
    constexpr std::uint64_t kSmallestPage = 4096;
    if ((segment.flags & kWritableCode) == kWritableCode) {
      report({.code = ProblemCode::writable_code, .index = index});
    }
    if (segment.filesz >= kSmallestPage && (segment.offset - segment.vaddr) % kSmallestPage != 0) {
      report({.code = ProblemCode::segment_not_mappable, .offset = segment.offset, .index = index});
    }
  }

  void check_entry() noexcept {
    const auto entry = file_.header().entry;
    for (const auto segment : file_.segments()) {
      if (segment.type == elf::kSegmentLoad && (segment.flags & elf::kFlagExecute) != 0 && entry >= segment.vaddr &&
          entry - segment.vaddr < segment.memsz) {
        return;
      }
    }
    report({.code = ProblemCode::entry_outside_code, .offset = 24, .found = entry});
  }

  void check_relocations() noexcept {
    if (!facts_.is_relocatable) return;
    const auto& info = file_.dynamic_info();
    if (!file_.relr().empty()) report({.code = ProblemCode::relr_relocations});
    if (info.plt_rel_size.value_or(0) != 0) {
      report({.code = ProblemCode::ignored_plt_relocations, .found = *info.plt_rel_size});
    }
    if (facts_.arch) check_symbols_of_relocations();
  }

  // Symbol 0 is not a symbol: its value is 0 by definition.
  void check_symbols_of_relocations() noexcept {
    const auto symbols = file_.dynamic_symbols().symbols();
    std::uint64_t index = 0;
    for (const auto rela : file_.relocations()) {
      if (rela.symbol != 0 && rela.symbol < symbols.size() &&
          relocation_kind(*facts_.arch, rela.type) != RelocationKind::relative) {
        const auto symbol = symbols[rela.symbol];
        if (symbol.is_undefined() && !symbol.is_weak_undefined()) {
          report({.code = ProblemCode::undefined_symbol, .index = index, .found = rela.symbol});
          return;
        }
      }
      ++index;
    }
  }

  void check_sections() noexcept {
    const auto& header = file_.header();
    const auto count = file_.section_count();
    if (file_.sections().size() != count) {
      const auto size = count > UINT64_MAX / elf::Section::kSize ? UINT64_MAX : count * elf::Section::kSize;
      report({.code = ProblemCode::section_table_outside_file,
              .offset = header.shoff,
              .expected = checked_add(header.shoff, size).value_or(UINT64_MAX),
              .found = file_.bytes().size()});
    }
  }

  const ElfFile& file_;
  const KernelFacts& facts_;
  ProblemSink sink_;
  bool has_entry_version_ = false;  // after the first such note
  bool stopped_ = false;
};

// Returns false if the sink accepts no more problems.
auto examine_relr(const Table<elf::RelrWord>& relr, std::uint64_t mem_size, ProblemSink sink) noexcept -> bool {
  std::size_t visited = 0;
  bool continues = true;
  for_each_relr(relr, [&](std::uint64_t offset) noexcept {
    const auto index = visited++;
    if (!relocation_fits(offset, mem_size)) {
      continues =
          sink({.code = ProblemCode::relocation_outside_memory, .index = index, .expected = mem_size, .found = offset});
    }
    return continues;
  });
  if (visited == 0 && !relr.empty()) continues = sink({.code = ProblemCode::malformed_relr});
  return continues;
}

void examine_rela(const ElfFile& file, Arch arch, std::uint64_t mem_size, ProblemSink sink) noexcept {
  const RelocationResolver resolver{.arch = arch, .mem_size = mem_size, .symbols = file.dynamic_symbols().symbols()};
  const auto relative = relative_relocation_type(arch);
  std::size_t index = 0;
  for (const auto rela : file.relocations()) {
    const auto rela_index = index++;
    if (rela.type == relative && relocation_fits(rela.offset, mem_size)) continue;  // almost all relocations
    const auto value = resolver.resolve(rela, rela_index);
    if (!value && !sink(value.error())) return;
  }
}

}  // namespace

auto examine(const ElfFile& file, ProblemSink sink) noexcept -> KernelFacts {
  return Examiner{file, sink}.run();
}

void examine_relocations(const ElfFile& file, const KernelFacts& facts, ProblemSink sink) noexcept {
  if (!facts.is_relocatable || !facts.arch || !facts.mem_size) return;
  // Check in the order in which loading applies them.
  if (examine_relr(file.relr(), *facts.mem_size, sink)) examine_rela(file, *facts.arch, *facts.mem_size, sink);
}

void examine_oddities(const ElfFile& file, const KernelFacts& facts, ProblemSink sink) noexcept {
  OddityExaminer{file, facts, sink}.run();
}

}  // namespace hermitage::entry
