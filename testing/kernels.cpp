#include "testing/kernels.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <span>
#include <utility>

#include "hermitage/entry/notes.hpp"
#include "testing/line_tables.hpp"

namespace hermitage::testing {
namespace {

namespace elf = entry::elf;
using entry::Arch;
using entry::Endian;
using entry::ProblemCode;

constexpr std::uint32_t kFlagsCode = elf::kFlagRead | elf::kFlagExecute;
constexpr std::uint32_t kFlagsData = elf::kFlagRead | elf::kFlagWrite;
constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint64_t kSlotSize = 8;  // of what a relocation writes

constexpr entry::HermitVersion kVersion{.major = 0, .minor = 11, .patch = 0};

// Dynamic tags that the library does not look at.
constexpr std::uint64_t kTagRel = 17;
constexpr std::uint64_t kTagPltRel = 20;
constexpr std::uint64_t kTagJmpRel = 23;

// Relocations that no Hermit kernel may have: R_X86_64_JUMP_SLOT and so on.
constexpr std::uint32_t kJumpSlotX86_64 = 7;
constexpr std::uint32_t kJumpSlotAarch64 = 1026;
constexpr std::uint32_t kJumpSlotRiscv64 = 5;

// Where a minimal kernel has what, in bytes from its first one. The header segment comes before.
constexpr std::uint64_t kCodeAt = 0x2000;
constexpr std::uint64_t kCodeSize = 0x80;
constexpr std::uint64_t kDataAt = 0x4000;
constexpr std::uint64_t kDataFileSize = 0x400;
constexpr std::uint64_t kDataMemorySize = 0x1800;
constexpr std::uint64_t kTlsAt = kDataAt + 0x300;

// Above 4 GiB, where Uhyve places guests of interface 2.
constexpr std::uint64_t kFixedBase = 0x1'0080'0000;

auto text_bytes(std::string_view text) -> std::vector<std::byte> {
  const auto bytes = std::as_bytes(std::span{text});
  return {bytes.begin(), bytes.end()};
}

// Bytes of which no eight in a row are zeros.
auto pattern(std::uint64_t size) -> std::vector<std::byte> {
  std::vector<std::byte> bytes(size);
  for (std::uint64_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 37 + 11);
  return bytes;
}

// Waits for interrupts forever. Instructions are little endian also on aarch64_be.
auto code(Arch arch, std::uint64_t size) -> std::vector<std::byte> {
  constexpr std::string_view kHaltX86_64 = "\xf4\xeb\xfd\x90";                     // hlt; jmp; nop
  constexpr std::string_view kHaltAarch64 = "\x7f\x20\x03\xd5\xff\xff\xff\x17";    // wfi; b
  constexpr std::string_view kHaltRiscv64{"\x73\x00\x50\x10\x6f\xf0\xdf\xff", 8};  // wfi; j
  const auto halt = arch == Arch::x86_64 ? kHaltX86_64 : arch == Arch::aarch64 ? kHaltAarch64 : kHaltRiscv64;
  std::vector<std::byte> bytes(size);
  for (std::uint64_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(halt[i % halt.size()]);
  return bytes;
}

auto relative(const Elf& kernel, std::uint64_t place, std::uint64_t addend) -> elf::Rela {
  return {.offset = place, .type = relocation_types(kernel.arch).relative, .addend = addend};
}

// Stores a word in the data of a minimal kernel, `offset` bytes from the beginning of the segment.
void store(Elf& kernel, std::uint64_t offset, std::uint64_t value) {
  entry::write<std::uint64_t>(kernel.segments[1].bytes, offset, value, kernel.endian);
}

void add_relative_relocations(Elf& kernel) {
  constexpr std::uint64_t kCount = 6;
  for (std::uint64_t i = 0; i < kCount; ++i) {
    kernel.relocations.push_back(relative(kernel, kDataAt + i * kSlotSize, kCodeAt + i * 16));
  }
  kernel.relocations.push_back(relative(kernel, kDataAt + 0x200, kDataAt));
  kernel.relocations.push_back(relative(kernel, kDataAt + 0x208, 0));
  // To the read-only data, at the end of the header segment.
  kernel.relocations.back().addend = header_segment_size(kernel) - kernel.rodata.size();
}

auto minimal_relocatable() -> Elf {
  return minimal_kernel(Arch::x86_64, Endian::little, true);
}

auto minimal_fixed() -> Elf {
  return minimal_kernel(Arch::x86_64, Endian::little, false);
}

// Moves everything that has an address in a minimal kernel, besides what addends point to.
void rebase(Elf& kernel, std::uint64_t base) {
  const auto distance = base - kernel.base;
  kernel.base = base;
  kernel.entry_point += distance;
  for (auto& segment : kernel.segments) segment.vaddr += distance;
  for (auto& symbol : kernel.symbols) symbol.value += distance;
  if (kernel.tls) kernel.tls->vaddr += distance;
}

// Relative relocations in every form that DT_RELR has for them: an address alone, bitmaps, bitmaps with places
// left out, and addresses that are even but not aligned. Their addends lie in the data.
void use_relr(Elf& kernel) {
  constexpr std::uint64_t kPlacesPerBitmap = 63;
  constexpr std::uint64_t kFileSize = 0x1800;
  kernel.segments[1].bytes = pattern(kFileSize);
  kernel.segments[1].memsz = kFileSize + kPageSize;
  kernel.relocations.clear();

  std::vector<std::uint64_t> places;
  places.reserve(kPlacesPerBitmap);
  for (std::uint64_t slot = 0; slot < 10; ++slot) places.push_back(slot * kSlotSize);
  for (std::uint64_t slot = 32; slot <= 2 * kPlacesPerBitmap + 1; slot += 5) places.push_back(slot * kSlotSize);
  places.insert(places.end(), {0x1000, 0x1402, 0x140a, 0x1412, 0x17f8});
  for (auto& place : places) {
    store(kernel, place, kCodeAt + place % kCodeSize);
    place += kDataAt;
  }
  kernel.relr = encode_relr(places);
}

// All kinds of relocations that name a symbol.
void use_symbols(Elf& kernel) {
  constexpr std::uint32_t kAbsent = 1;
  constexpr std::uint32_t kStart = 2;
  constexpr std::uint32_t kTable = 3;
  constexpr std::uint32_t kHook = 4;
  kernel.dynamic_symbols = {
      {.name = "absent_hook", .info = symbol_info(elf::kBindWeak, kTypeNone), .section = elf::kSectionUndefined},
      {.name = "_start", .info = symbol_info(kBindGlobal, kTypeFunction), .value = kCodeAt, .size = kCodeSize},
      {.name = "table", .info = symbol_info(kBindGlobal, kTypeObject), .value = kDataAt + 0x40, .size = 0x20},
      {.name = "hook", .info = symbol_info(elf::kBindWeak, kTypeFunction), .value = kCodeAt + 0x20, .size = 0x10},
  };
  const auto types = relocation_types(kernel.arch);
  std::uint64_t place = 0x80;
  const auto relocate = [&](std::uint32_t type, std::uint32_t symbol, std::int64_t addend) {
    if (symbol == kAbsent) store(kernel, place, 0);
    kernel.relocations.push_back(
        {.offset = kDataAt + place, .type = type, .symbol = symbol, .addend = static_cast<std::uint64_t>(addend)});
    place += kSlotSize;
  };
  relocate(types.absolute64, kStart, 0);
  relocate(types.absolute64, kTable, 0x18);
  relocate(types.absolute64, kTable, -8);
  relocate(types.absolute64, kAbsent, 0);
  relocate(types.absolute64, kAbsent, 0x10);
  relocate(types.absolute64, kHook, 0);
  relocate(types.absolute64, 0, kCodeAt);
  if (!types.glob_dat) return;
  relocate(*types.glob_dat, kTable, 0);
  relocate(*types.glob_dat, kAbsent, 0);
  relocate(*types.glob_dat, kHook, kernel.arch == Arch::x86_64 ? 0 : 4);
}

// Collects the samples, and names those that are odd or wrong after their problem.
class Samples {
 public:
  void add(NamedKernel kernel) { kernels_.push_back(std::move(kernel)); }

  void right(std::string name, const Elf& kernel, std::optional<ProblemCode> oddity = std::nullopt) {
    add({.name = std::move(name), .bytes = write(kernel), .oddity = oddity});
  }

  void odd(ProblemCode oddity, std::vector<std::byte> bytes, std::string_view detail = {}) {
    add({.name = name_of("odd-", oddity, detail), .bytes = std::move(bytes), .oddity = oddity});
  }
  void odd(ProblemCode oddity, const Elf& kernel, std::string_view detail = {}) { odd(oddity, write(kernel), detail); }

  void wrong(ProblemCode error, std::vector<std::byte> bytes, std::string_view detail = {}) {
    add({.name = name_of("wrong-", error, detail), .bytes = std::move(bytes), .loadable = false, .error = error});
  }
  void wrong(ProblemCode error, const Elf& kernel, std::string_view detail = {}) {
    wrong(error, write(kernel), detail);
  }

  auto take() && -> std::vector<NamedKernel> { return std::move(kernels_); }

 private:
  static auto name_of(std::string_view kind, ProblemCode code, std::string_view detail) -> std::string {
    auto name = std::string{kind}.append(entry::Problem{.code = code}.name());
    if (!detail.empty()) name.append("-").append(detail);
    return name;
  }

  std::vector<NamedKernel> kernels_;
};

// A relocatable minimal kernel for x86_64, changed by `edit`.
template <std::invocable<Elf&> Edit>
auto edited(Edit edit) -> Elf {
  auto kernel = minimal_relocatable();
  edit(kernel);
  return kernel;
}

// The file of a relocatable minimal kernel for x86_64, changed by `change`.
template <std::invocable<std::vector<std::byte>&> Change>
auto patched(Change change) -> std::vector<std::byte> {
  auto file = write(minimal_relocatable());
  change(file);
  return file;
}

// The same with one field of the ELF header, or of the n-th program header of a type, set to `value`.
template <std::unsigned_integral T>
auto with_header_field(HeaderField field, T value) -> std::vector<std::byte> {
  return patched([&](std::vector<std::byte>& file) { patch<T>(file, offset_of(field), value, Endian::little); });
}

template <std::unsigned_integral T>
auto with_segment_field(std::uint32_t type, std::size_t n, SegmentField field, T value) -> std::vector<std::byte> {
  return patched([&](std::vector<std::byte>& file) {
    patch<T>(file, offset_of(field, find_segment(file, type, n)), value, Endian::little);
  });
}

// The same with one byte of the ELF header set to `value`.
auto with_ident(std::size_t index, std::uint8_t value) -> std::vector<std::byte> {
  return patched([&](std::vector<std::byte>& file) { patch<std::uint8_t>(file, index, value, Endian::little); });
}

// The same with one more dynamic entry, which overrides an earlier one.
auto with_dynamic(std::uint64_t tag, std::uint64_t value) -> Elf {
  return edited([&](Elf& kernel) { kernel.extra_dynamic = {{tag, value}}; });
}

auto with_notes(std::vector<NoteDescription> notes) -> Elf {
  return edited([&](Elf& kernel) { kernel.notes = std::move(notes); });
}

// Two more PT_NOTE segments over the same zeros, which are empty notes, and together more than the file.
auto with_overlapping_notes() -> std::vector<std::byte> {
  constexpr std::uint64_t kZeros = 0x10000;
  const entry::elf::Segment notes{.type = elf::kSegmentNote, .filesz = kZeros, .align = 4};
  auto file = write(edited([&](Elf& kernel) {
    kernel.segments[1].bytes.assign(kZeros, std::byte{0});
    kernel.segments[1].memsz.reset();
    kernel.extra_segments.insert(kernel.extra_segments.end(), {notes, notes});
  }));
  const auto zeros_at = segment_begin(file, find_segment(file, elf::kSegmentLoad, 2));
  for (std::size_t n = 0; n < 2; ++n) {
    const auto index = find_segment(file, elf::kSegmentNote, n);
    patch<std::uint64_t>(file, offset_of(SegmentField::offset, index), zeros_at, Endian::little);
  }
  return file;
}

// ---- Right kernels

void add_target_samples(Samples& samples, const Target& target) {
  const auto name = [&target](std::string_view variant) {
    return std::string{target.name}.append("-").append(variant);
  };
  const auto relocatable = minimal_kernel(target.arch, target.endian, true);
  samples.right(name("relocatable"), relocatable);
  samples.right(name("fixed"), minimal_kernel(target.arch, target.endian, false));

  auto symbols = relocatable;
  use_symbols(symbols);
  samples.right(name("symbols"), symbols);

  auto relr = relocatable;
  use_relr(relr);
  samples.right(name("relr"), relr, ProblemCode::relr_relocations);
}

// Symbols of crates, of C and of nobody, that overlap; files; and the lines that code is of.
void add_symbol_samples(Samples& samples) {
  auto kernel = minimal_kernel(Arch::x86_64, Endian::little, true);
  const auto code = kernel.segments[0].vaddr;
  const auto data = kernel.segments[1].vaddr;
  const auto local = [](std::string name, std::uint8_t type, std::uint64_t value, std::uint64_t size) {
    return SymbolDescription{
        .name = std::move(name), .info = symbol_info(kBindLocal, type), .value = value, .size = size};
  };
  constexpr std::uint8_t kTypeFile = 4;  // STT_FILE
  kernel.symbols = {local("hermit.63f06f25274a61db-cgu.09", kTypeFile, 0, 0),
                    local("_ZN6hermit6hermit2mm4init17h452fabd5dbee2913E", kTypeFunction, code, 0x20),
                    local("_ZN6hermit4core3fmt5write17h452fabd5dbee2913E", kTypeFunction, code + 0x10, 0x20),
                    local("hermit_anon.931826e86caa333f7c97f7d95e112d05.52", kTypeObject, data, 0x10),
                    local("main.c", kTypeFile, 0, 0),
                    local("main", kTypeFunction, code + 0x30, 8),
                    local("_ZN3foo3barEv", kTypeFunction, code + 0x38, 8)};
  kernel.extra_sections = {
      {.name = ".debug_line",
       .bytes = write_line_table({.directories = {"src"},
                                  .files = {{"main.c", 0}, {"a.h", 1}},
                                  .sequences = {{{code + 0x30, 1}, {code + 0x34, 2}, {code + 0x40}}}})}};
  samples.right("symbols_and_lines", kernel);
}

void add_table_samples(Samples& samples) {
  auto kernel = minimal_relocatable();
  use_symbols(kernel);
  kernel.has_section_headers = false;
  samples.right("x86_64-no_section_headers", kernel);
  kernel.hash_tables = HashTables::gnu;
  samples.right("x86_64-gnu_hash_only", kernel);
  kernel.hash_tables = HashTables::sysv;
  samples.right("x86_64-sysv_hash_only", kernel);
  kernel.hash_tables = HashTables::none;
  samples.right("x86_64-no_hash", kernel);

  kernel = minimal_relocatable();
  use_relr(kernel);
  use_symbols(kernel);
  samples.right("x86_64-relr_and_rela", kernel, ProblemCode::relr_relocations);

  samples.right("x86_64-no_dynamic_section", edited([](Elf& elf) { elf.relocations.clear(); }));

  // A fixed kernel is not relocated, whatever its dynamic section says.
  kernel = minimal_fixed();
  kernel.relocations = {{.offset = UINT64_MAX, .type = kJumpSlotX86_64, .addend = 0}};
  samples.right("x86_64-fixed_with_relocations", kernel);
}

void add_layout_samples(Samples& samples) {
  samples.right("x86_64-packed", edited([](Elf& kernel) { kernel.layout = FileLayout::packed; }));
  samples.right("x86_64-no_tls", edited([](Elf& kernel) { kernel.tls.reset(); }));
  samples.right("x86_64-zero_tls", edited([](Elf& kernel) {
                  kernel.tls = Tls{.vaddr = kDataAt + kDataMemorySize, .filesz = 0, .memsz = 0x40, .align = 8};
                }));
  samples.right("x86_64-large_bss", edited([](Elf& kernel) { kernel.segments[1].memsz = 16 << 20; }));
  samples.right("x86_64-segments_with_gaps", edited([](Elf& kernel) {
                  kernel.segments.push_back({.vaddr = 0x1'8123, .bytes = pattern(0x45)});
                  kernel.segments.push_back(
                      {.vaddr = 0x4'0000, .flags = kFlagsData, .bytes = pattern(0x1001), .memsz = 0x1'0000});
                }));
  samples.right("x86_64-many_segments", edited([](Elf& kernel) {
                  constexpr std::uint64_t kCount = 60;
                  for (std::uint64_t i = 0; i < kCount; ++i) {
                    kernel.segments.push_back({.vaddr = 0x8000 + i * 0x11, .bytes = pattern(0x11), .align = 1});
                  }
                }));
  samples.right("x86_64-pages_64_kib", edited([](Elf& kernel) {
                  for (auto& segment : kernel.segments) segment.align = 0x1'0000;
                }));

  auto headers_not_loaded = minimal_fixed();
  headers_not_loaded.has_header_segment = false;
  samples.right("x86_64-headers_not_loaded", headers_not_loaded);

  auto top = minimal_fixed();
  rebase(top, UINT64_MAX - 0x7fff);
  top.segments[1].memsz = UINT64_MAX - top.segments[1].vaddr;
  samples.right("x86_64-fixed_to_the_last_address", top);
}

void add_boundary_samples(Samples& samples) {
  samples.right("x86_64-whole_pages", edited([](Elf& kernel) {
                  kernel.relocations.clear();
                  kernel.tls.reset();
                  kernel.rodata = {};
                  kernel.rodata = pattern(kPageSize - entry::checked_align_up(header_segment_size(kernel), 16).value());
                  kernel.segments[0] = {
                      .vaddr = kPageSize, .flags = kFlagsCode, .bytes = code(Arch::x86_64, kPageSize)};
                  kernel.segments[1] = {
                      .vaddr = 2 * kPageSize, .flags = kFlagsData, .bytes = pattern(kPageSize), .memsz = 2 * kPageSize};
                  kernel.symbols.clear();
                  kernel.entry_point = kPageSize;
                }));
  samples.right("x86_64-one_byte_segments", edited([](Elf& kernel) {
                  kernel.relocations.clear();
                  kernel.tls.reset();
                  kernel.segments[0].bytes.resize(1);
                  kernel.segments[1].bytes.resize(1);
                  kernel.segments[1].memsz.reset();
                }));
  samples.right("x86_64-adjacent_segments", edited([](Elf& kernel) {
                  kernel.segments.insert(kernel.segments.begin() + 1,
                                         {.vaddr = kCodeAt + kCodeSize, .bytes = pattern(0x1003)});
                  kernel.segments.insert(kernel.segments.begin() + 2,
                                         {.vaddr = kCodeAt + kCodeSize + 0x1003, .bytes = pattern(0xf7d)});
                }));
  samples.right("x86_64-empty_segments", edited([](Elf& kernel) {
                  kernel.segments.insert(kernel.segments.begin() + 1, {.vaddr = kCodeAt + kCodeSize});
                  kernel.segments.push_back({.vaddr = kDataAt + kDataMemorySize + 0x123});
                }));
  samples.right("x86_64-bss_segment", edited([](Elf& kernel) {
                  kernel.segments.push_back({.vaddr = 0x8000, .flags = kFlagsData, .memsz = 0x2345});
                }));
  samples.right("x86_64-relocations_at_edges", edited([](Elf& kernel) {
                  kernel.relocations = {relative(kernel, kDataAt, kCodeAt),
                                        relative(kernel, kDataAt + kDataFileSize - kSlotSize, kCodeAt),
                                        relative(kernel, kDataAt + kDataFileSize, kCodeAt),
                                        relative(kernel, kDataAt + kDataMemorySize - kSlotSize, kCodeAt)};
                }));
  samples.right("x86_64-unaligned_relocations", edited([](Elf& kernel) {
                  // The second lies on two pages, the third partly in the file.
                  kernel.relocations = {relative(kernel, kDataAt + 1, kCodeAt),
                                        relative(kernel, kDataAt + kPageSize - 3, kCodeAt),
                                        relative(kernel, kDataAt + kDataFileSize - 5, kCodeAt)};
                }));
  samples.right("x86_64-wrapping_addends", edited([](Elf& kernel) {
                  kernel.relocations = {relative(kernel, kDataAt, UINT64_MAX),
                                        relative(kernel, kDataAt + kSlotSize, INT64_MAX)};
                }));
}

void add_note_samples(Samples& samples) {
  samples.right("x86_64-notes_in_several_segments", edited([](Elf& kernel) {
                  kernel.notes = {hermit_note(), uhyve_note(2), abi_tag_note(kVersion, kernel.endian)};
                  kernel.has_segment_per_note = true;
                }));
  samples.right("x86_64-notes_aligned_to_8", edited([](Elf& kernel) { kernel.note_alignment = 8; }));
  samples.right("x86_64-notes_aligned_to_0", edited([](Elf& kernel) { kernel.note_alignment = 0; }));
  samples.right("x86_64-notes_in_reverse", edited([](Elf& kernel) { std::ranges::reverse(kernel.notes); }));
  samples.right("x86_64-foreign_notes", edited([](Elf& kernel) {
                  kernel.notes.insert(kernel.notes.begin(), {{.name = "", .type = 1, .desc = pattern(3)},
                                                             {.name = "GNU", .type = 3, .desc = pattern(20)},
                                                             {.name = "HERMIT", .type = 1, .desc = pattern(1)}});
                }));
  samples.right("x86_64-second_entry_version_ignored",
                edited([](Elf& kernel) { kernel.notes.push_back(hermit_note(entry::kEntryVersion + 1)); }));
}

// ---- Odd kernels

void add_odd_notes(Samples& samples) {
  const auto abi_tag = abi_tag_note(kVersion, Endian::little);
  samples.odd(ProblemCode::no_abi_tag, with_notes({hermit_note(), uhyve_note(2)}));
  samples.odd(ProblemCode::no_abi_tag, with_notes({hermit_note()}), "old_kernel");
  auto linux_tag = abi_tag;
  linux_tag.desc[0] = std::byte{0};
  samples.odd(ProblemCode::no_abi_tag, with_notes({linux_tag, hermit_note(), uhyve_note(2)}), "linux");
  auto short_tag = abi_tag;
  short_tag.desc.resize(12);
  samples.odd(ProblemCode::malformed_abi_tag, with_notes({hermit_note(), short_tag, uhyve_note(2)}));
  samples.odd(ProblemCode::unknown_uhyve_interface, with_notes({hermit_note(), abi_tag, uhyve_note(9)}));
  samples.odd(ProblemCode::unknown_uhyve_interface, with_notes({hermit_note(), abi_tag, uhyve_note(0)}), "0");
  samples.odd(ProblemCode::no_uhyve_interface,
              with_notes({abi_tag_note({.major = 0, .minor = 12, .patch = 0}, Endian::little), hermit_note()}));
  samples.odd(ProblemCode::boots_by_pvh,
              edited([](Elf& kernel) { kernel.notes.push_back(xen_pvh_note(static_cast<std::uint32_t>(kCodeAt))); }));
  auto later = with_notes({abi_tag, hermit_note(), uhyve_note(2)});
  later.has_segment_per_note = true;
  samples.odd(ProblemCode::note_in_later_segment, later);

  auto low = minimal_fixed();
  rebase(low, 0x80'0000);
  samples.odd(ProblemCode::fixed_below_4_gib, low);
}

void add_odd_segments(Samples& samples) {
  samples.odd(ProblemCode::os_abi, edited([](Elf& kernel) { kernel.os_abi = 0; }));
  samples.odd(ProblemCode::elf_version, with_ident(elf::kIdentVersion, 0));
  samples.odd(ProblemCode::entry_outside_code, edited([](Elf& kernel) { kernel.entry_point = kDataAt; }));
  samples.odd(ProblemCode::writable_code,
              edited([](Elf& kernel) { kernel.segments[0].flags = kFlagsCode | elf::kFlagWrite; }));
  samples.odd(ProblemCode::executable_stack,
              edited([](Elf& kernel) { kernel.extra_segments[0].flags = kFlagsData | elf::kFlagExecute; }));
  samples.odd(ProblemCode::segment_alignment, edited([](Elf& kernel) { kernel.segments[0].align = 0x1800; }));
  samples.odd(ProblemCode::segment_not_mappable, edited([](Elf& kernel) {
                kernel.layout = FileLayout::packed;
                kernel.segments[1].bytes = pattern(kPageSize);
              }));
  samples.odd(ProblemCode::section_table_outside_file,
              patched([](std::vector<std::byte>& file) { file.resize(file.size() - 1); }));
  samples.odd(ProblemCode::section_table_outside_file, with_header_field<std::uint64_t>(HeaderField::shoff, UINT64_MAX),
              "far");
}

void add_odd_relocations(Samples& samples) {
  samples.odd(ProblemCode::ignored_plt_relocations, edited([](Elf& kernel) {
                kernel.extra_dynamic = {
                    {elf::kTagPltRelSize, elf::Rela::kSize}, {kTagPltRel, elf::kTagRela}, {kTagJmpRel, 0x200}};
              }));
  samples.odd(
      ProblemCode::undefined_symbol, edited([](Elf& kernel) {
        kernel.dynamic_symbols = {{.name = "missing", .section = elf::kSectionUndefined}};
        kernel.relocations.push_back(
            {.offset = kDataAt + 0x80, .type = relocation_types(kernel.arch).absolute64, .symbol = 1, .addend = 0});
      }));
}

// ---- Wrong kernels

void add_wrong_headers(Samples& samples) {
  samples.wrong(ProblemCode::not_elf, std::vector<std::byte>{}, "empty");
  samples.wrong(ProblemCode::not_elf, text_bytes("\177EL"), "three_bytes");
  samples.wrong(ProblemCode::not_elf, text_bytes("#!/bin/sh\nexit 1\n"), "script");
  samples.wrong(ProblemCode::truncated_header, text_bytes("\177ELF"), "magic");
  samples.wrong(ProblemCode::truncated_header,
                patched([](std::vector<std::byte>& file) { file.resize(elf::FileHeader::kSize - 1); }));
  samples.wrong(ProblemCode::not_64_bit, with_ident(elf::kIdentClass, 1));
  samples.wrong(ProblemCode::unknown_byte_order, with_ident(elf::kIdentData, 0));
  samples.wrong(ProblemCode::unsupported_type, edited([](Elf& kernel) { kernel.type = 1; }), "object_file");
  samples.wrong(ProblemCode::unsupported_type, edited([](Elf& kernel) { kernel.type = 4; }), "core");
  samples.wrong(ProblemCode::unsupported_machine, with_header_field<std::uint16_t>(HeaderField::machine, 40), "arm");
  samples.wrong(ProblemCode::unsupported_byte_order, minimal_kernel(Arch::x86_64, Endian::big, true), "x86_64");
  samples.wrong(ProblemCode::unsupported_byte_order, minimal_kernel(Arch::riscv64, Endian::big, true), "riscv64");
}

void add_wrong_segment_tables(Samples& samples) {
  samples.wrong(ProblemCode::segment_entry_size, with_header_field<std::uint16_t>(HeaderField::phentsize, 32));
  samples.wrong(ProblemCode::segment_table_outside_file,
                with_header_field<std::uint64_t>(HeaderField::phoff, UINT64_MAX - 63), "far");
  samples.wrong(ProblemCode::segment_table_outside_file,
                with_header_field<std::uint16_t>(HeaderField::phnum, UINT16_MAX), "too_many");
  samples.wrong(ProblemCode::segment_table_outside_file, patched([](std::vector<std::byte>& file) {
                  file.resize(elf::FileHeader::kSize + elf::Segment::kSize);
                }),
                "truncated");
  samples.wrong(ProblemCode::no_load_segment, edited([](Elf& kernel) {
                  kernel.has_header_segment = false;
                  kernel.segments.clear();
                }));
  samples.wrong(ProblemCode::no_load_segment, with_header_field<std::uint16_t>(HeaderField::phnum, 0),
                "no_program_headers");
  samples.wrong(ProblemCode::empty_image, edited([](Elf& kernel) {
                  kernel.has_header_segment = false;
                  kernel.segments = {{}};
                }));
  samples.wrong(ProblemCode::first_segment_not_at_zero, edited([](Elf& kernel) { rebase(kernel, 0x1000); }));
}

void add_wrong_segments(Samples& samples) {
  samples.wrong(ProblemCode::segment_outside_file, patched([](std::vector<std::byte>& file) {
                  file.resize(segment_begin(file, find_segment(file, elf::kSegmentLoad, 2)) + kDataFileSize - 1);
                }),
                "truncated");
  samples.wrong(ProblemCode::segment_outside_file,
                with_segment_field<std::uint64_t>(elf::kSegmentLoad, 1, SegmentField::offset, UINT64_MAX), "far");
  samples.wrong(ProblemCode::segment_outside_file,
                with_segment_field<std::uint64_t>(elf::kSegmentLoad, 1, SegmentField::filesz, UINT64_MAX), "too_long");
  samples.wrong(ProblemCode::segment_size, edited([](Elf& kernel) { kernel.segments[1].memsz = kDataFileSize - 1; }));
  samples.wrong(ProblemCode::segment_address_overflow,
                edited([](Elf& kernel) { kernel.segments.push_back({.vaddr = UINT64_MAX - 0xfff, .memsz = 0x2000}); }));
  samples.wrong(ProblemCode::segment_address_overflow,
                edited([](Elf& kernel) { kernel.segments.push_back({.vaddr = UINT64_MAX - 0xfff, .memsz = 0x1000}); }),
                "by_one");
  samples.wrong(ProblemCode::segment_order,
                edited([](Elf& kernel) { std::swap(kernel.segments[0], kernel.segments[1]); }));
  samples.wrong(ProblemCode::segment_order, edited([](Elf& kernel) {
                  kernel.segments.push_back({.vaddr = kDataAt + kDataMemorySize - 1, .bytes = pattern(16)});
                }),
                "overlap_by_one");
  samples.wrong(ProblemCode::segment_order,
                edited([](Elf& kernel) { kernel.segments.push_back({.vaddr = kDataAt + 0x10, .bytes = pattern(16)}); }),
                "inside");
}

void add_wrong_tls(Samples& samples) {
  samples.wrong(ProblemCode::tls_size, edited([](Elf& kernel) { kernel.tls->memsz = kernel.tls->filesz - 1; }));
  samples.wrong(ProblemCode::tls_outside_image, edited([](Elf& kernel) { kernel.tls->vaddr = 0x10'0000; }));
  samples.wrong(ProblemCode::tls_outside_image,
                edited([](Elf& kernel) { kernel.tls->vaddr = kDataAt + kDataMemorySize - kernel.tls->filesz + 1; }),
                "by_one");
  auto below = minimal_fixed();
  below.tls->vaddr = below.base - below.tls->filesz;
  samples.wrong(ProblemCode::tls_outside_image, below, "below");
}

void add_wrong_notes(Samples& samples) {
  const auto note_field = [](std::size_t offset, std::uint32_t value) {
    return patched([&](std::vector<std::byte>& file) {
      const auto notes = segment_begin(file, find_segment(file, elf::kSegmentNote));
      patch<std::uint32_t>(file, notes + offset, value, Endian::little);
    });
  };
  samples.wrong(ProblemCode::no_note_segment, with_notes({}));
  samples.wrong(ProblemCode::note_segment_outside_file,
                with_segment_field<std::uint64_t>(elf::kSegmentNote, 0, SegmentField::offset, UINT64_MAX), "far");
  samples.wrong(ProblemCode::note_segment_outside_file,
                with_segment_field<std::uint64_t>(elf::kSegmentNote, 0, SegmentField::filesz, 1 << 20), "too_long");
  samples.wrong(ProblemCode::note_segments_overlap, with_overlapping_notes());
  samples.wrong(ProblemCode::malformed_note, note_field(0, UINT32_MAX), "name_size");
  samples.wrong(ProblemCode::malformed_note, note_field(4, 0x1000), "desc_size");
  samples.wrong(ProblemCode::malformed_note, edited([](Elf& kernel) { kernel.note_alignment = 12; }), "alignment");
  samples.wrong(ProblemCode::malformed_note,
                with_segment_field<std::uint64_t>(elf::kSegmentNote, 0, SegmentField::filesz, 20), "truncated");

  const auto abi_tag = abi_tag_note(kVersion, Endian::little);
  samples.wrong(ProblemCode::no_hermit_note, with_notes({abi_tag, uhyve_note(2)}));
  samples.wrong(
      ProblemCode::no_hermit_note,
      with_notes(
          {{.name = "Hermit", .type = entry::kHermitEntryVersionNote, .desc = {std::byte{entry::kEntryVersion}}}}),
      "name");
  samples.wrong(ProblemCode::no_hermit_note,
                with_notes({{.name = "HERMIT", .type = 0x5a01, .desc = {std::byte{entry::kEntryVersion}}}}), "type");
  samples.wrong(ProblemCode::no_hermit_note,
                with_notes({{.name = "HERMIT", .type = entry::kHermitEntryVersionNote, .desc = {}}}), "empty");
  samples.wrong(ProblemCode::no_hermit_note, with_notes({xen_pvh_note(static_cast<std::uint32_t>(kCodeAt))}), "pvh");
  samples.wrong(ProblemCode::entry_version, with_notes({abi_tag, hermit_note(3), uhyve_note(2)}), "3");
  samples.wrong(ProblemCode::entry_version, with_notes({abi_tag, hermit_note(5), uhyve_note(2)}), "5");
  samples.wrong(ProblemCode::entry_version, with_notes({hermit_note(3), hermit_note()}), "first_of_two");
  auto short_uhyve_note = uhyve_note(2);
  short_uhyve_note.desc.resize(3);
  samples.wrong(ProblemCode::malformed_uhyve_note, with_notes({hermit_note(), short_uhyve_note}));
}

// What a Hermit application links to that has no boot feature.
void add_empty_application(Samples& samples) {
  const Elf empty{.extra_segments = {{.type = elf::kSegmentGnuStack, .flags = kFlagsData}},
                  .extra_dynamic = {{elf::kTagNull, 0}}};
  samples.add(
      {.name = "empty_application", .bytes = write(empty), .loadable = false, .error = ProblemCode::empty_application});
}

void add_wrong_dynamic_sections(Samples& samples) {
  samples.wrong(ProblemCode::dynamic_segment_outside_file,
                with_segment_field<std::uint64_t>(elf::kSegmentDynamic, 0, SegmentField::offset, UINT64_MAX), "far");
  samples.wrong(ProblemCode::dynamic_segment_outside_file,
                with_segment_field<std::uint64_t>(elf::kSegmentDynamic, 0, SegmentField::filesz, 1 << 20), "too_long");
  samples.wrong(ProblemCode::linked_dynamically, edited([](Elf& kernel) { kernel.needed = {"libc.so.6"}; }));
  samples.wrong(ProblemCode::implicit_addends,
                edited([](Elf& kernel) { kernel.extra_dynamic = {{kTagRel, 0x200}, {elf::kTagRelSize, 16}}; }));
  samples.wrong(ProblemCode::relocation_entry_size, with_dynamic(elf::kTagRelaEntry, 16), "rela");
  samples.wrong(ProblemCode::relocation_entry_size, with_dynamic(elf::kTagRelrEntry, 4), "relr");
  samples.wrong(ProblemCode::relocation_entry_size, with_dynamic(elf::kTagSymbolEntry, 16), "symbol");
  samples.wrong(ProblemCode::relocation_table_size, with_dynamic(elf::kTagRelaSize, 25), "rela");
  samples.wrong(ProblemCode::relocations_outside_file, with_dynamic(elf::kTagRela, 0x10'0000));
  samples.wrong(ProblemCode::relocations_outside_file, with_dynamic(elf::kTagRela, UINT64_MAX), "far");
  samples.wrong(ProblemCode::relocations_outside_file, with_dynamic(elf::kTagRela, kDataAt + kDataFileSize), "in_bss");
  samples.wrong(ProblemCode::relocations_outside_file, with_dynamic(elf::kTagRelaSize, 0x1800), "too_long");
  samples.wrong(ProblemCode::relocations_outside_file, patched([](std::vector<std::byte>& file) {
                  constexpr std::uint64_t kTagDebug = 21;
                  patch<std::uint64_t>(file, find_dynamic_value(file, elf::kTagRela) - 8, kTagDebug, Endian::little);
                }),
                "no_address");
  samples.wrong(ProblemCode::symbols_outside_file, with_dynamic(elf::kTagSymbolTable, 0x10'0000));

  auto relr = minimal_relocatable();
  use_relr(relr);
  auto odd_size = relr;
  odd_size.extra_dynamic = {{elf::kTagRelrSize, 7}};
  samples.wrong(ProblemCode::relocation_table_size, odd_size, "relr");
  auto outside = relr;
  outside.extra_dynamic = {{elf::kTagRelr, 0x10'0000}};
  samples.wrong(ProblemCode::relocations_outside_file, outside, "relr");
}

void add_wrong_relocation_types(Samples& samples) {
  const auto jump_slot_of = [](Arch arch) {
    return arch == Arch::x86_64 ? kJumpSlotX86_64 : arch == Arch::aarch64 ? kJumpSlotAarch64 : kJumpSlotRiscv64;
  };
  for (const auto& target : kTargets) {
    auto kernel = minimal_kernel(target.arch, target.endian, true);
    kernel.relocations.push_back({.offset = kDataAt + 0x80, .type = jump_slot_of(target.arch), .addend = kCodeAt});
    samples.wrong(ProblemCode::unsupported_relocation, kernel, target.name);
  }
  samples.wrong(ProblemCode::unsupported_relocation,
                edited([](Elf& kernel) { kernel.relocations.push_back({.offset = kDataAt + 0x80, .type = 0}); }),
                "none");
}

void add_wrong_relocations(Samples& samples) {
  const auto with_place = [](std::uint64_t place) {
    return edited([&](Elf& kernel) { kernel.relocations.push_back(relative(kernel, place, kCodeAt)); });
  };
  constexpr std::uint64_t kEnd = kDataAt + kDataMemorySize;
  samples.wrong(ProblemCode::relocation_outside_memory, with_place(kEnd - 7), "by_one");
  samples.wrong(ProblemCode::relocation_outside_memory, with_place(kEnd), "at_end");
  samples.wrong(ProblemCode::relocation_outside_memory, with_place(UINT64_MAX - 3), "far");
  samples.wrong(ProblemCode::relocation_outside_memory, edited([](Elf& kernel) { kernel.relr = {kEnd - 6}; }), "relr");
  samples.wrong(ProblemCode::relocation_outside_memory, edited([](Elf& kernel) { kernel.relr = {kEnd - 16, 0b111}; }),
                "relr_bitmap");
  samples.wrong(ProblemCode::malformed_relr, edited([](Elf& kernel) { kernel.relr = {0b11, kDataAt}; }));

  auto symbols = minimal_relocatable();
  use_symbols(symbols);
  const auto with_symbol = [&symbols](std::uint32_t type, std::uint32_t symbol, std::uint64_t addend) {
    auto kernel = symbols;
    kernel.relocations.push_back({.offset = kDataAt + 0x180, .type = type, .symbol = symbol, .addend = addend});
    return kernel;
  };
  const auto types = relocation_types(Arch::x86_64);
  const auto symbol_count = static_cast<std::uint32_t>(symbols.dynamic_symbols.size() + 1);
  samples.wrong(ProblemCode::relocation_symbol, with_symbol(types.absolute64, symbol_count, 0));
  samples.wrong(ProblemCode::relocation_symbol, with_symbol(types.glob_dat.value(), UINT32_MAX, 0), "far");
  samples.wrong(ProblemCode::relocation_addend, with_symbol(types.glob_dat.value(), 3, 8));
}

// ---- Random kernels

// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) noexcept : state_{seed} {}

  constexpr auto next() noexcept -> std::uint64_t {
    state_ += 0x9e3779b97f4a7c15;
    auto value = state_;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
  }

  // 0 to limit - 1; limit is not 0.
  constexpr auto below(std::uint64_t limit) noexcept -> std::uint64_t { return next() % limit; }

  constexpr auto chance(unsigned percent) noexcept -> bool { return below(100) < percent; }

  template <class T, std::size_t size>
  constexpr auto pick(const std::array<T, size>& choices) noexcept -> T {
    return choices[below(size)];
  }

  auto bytes(std::uint64_t size) -> std::vector<std::byte> {
    std::vector<std::byte> bytes((size + 7) / 8 * 8);
    for (std::uint64_t i = 0; i < bytes.size(); i += 8) entry::write<std::uint64_t, Endian::little>(bytes, i, next());
    bytes.resize(size);
    return bytes;
  }

  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

class RandomKernel {
 public:
  RandomKernel(std::uint64_t seed, Arch arch, Endian endian) : random_{seed} {
    elf_.arch = arch;
    elf_.endian = endian;
  }

  auto make(bool with_relr) -> Elf {
    const bool is_relocatable = random_.chance(75);
    elf_.type = is_relocatable ? elf::kTypeDynamic : elf::kTypeExecutable;
    elf_.base = is_relocatable ? 0 : (1 + random_.below(1 << 20)) * 0x1'0000;
    add_segments();
    add_tls();
    add_notes();
    add_symbols();
    if (is_relocatable) add_relocations(with_relr);
    choose_tables();
    return std::move(elf_);
  }

 private:
  static constexpr std::uint64_t kLargestSize = 0x1'0000;
  // For the header segment: up to 500 relocations take 12,000 bytes, everything else less than 4 KiB.
  static constexpr std::uint64_t kHeaderRoom = 0x5000;

  // None, a few bytes, or up to 64 KiB.
  auto size() -> std::uint64_t {
    switch (random_.below(4)) {
      case 0: return 0;
      case 1: return 1 + random_.below(64);
      default: return 1 + random_.below(kLargestSize);
    }
  }

  void add_segments() {
    const auto count = 1 + random_.below(6);
    std::uint64_t at = elf_.base + kHeaderRoom;
    for (std::uint64_t i = 0; i < count; ++i) {
      at += gap();
      LoadSegment segment{
          .vaddr = at,
          .flags = i == 0 ? kFlagsCode
                          : random_.pick(std::array{elf::kFlagRead, kFlagsCode, kFlagsData, kFlagsData, kFlagsData}),
          .align = random_.pick(std::array<std::uint64_t, 5>{1, 8, 0x1000, 0x1000, 0x1'0000})};
      segment.bytes = random_.bytes(i == 0 ? size() + 1 : size());
      if ((segment.flags & elf::kFlagWrite) != 0) segment.memsz = segment.bytes.size() + size();
      at += segment.memory_size();
      elf_.segments.push_back(std::move(segment));
    }
    elf_.entry_point = elf_.segments[0].vaddr + random_.below(elf_.segments[0].bytes.size());
    elf_.layout = random_.chance(25) ? FileLayout::packed : FileLayout::congruent;
    if (random_.chance(80)) elf_.extra_segments.push_back({.type = elf::kSegmentGnuStack, .flags = kFlagsData});
    elf_.rodata = random_.bytes(random_.below(0x100));
  }

  auto gap() -> std::uint64_t {
    switch (random_.below(3)) {
      case 0: return 0;
      case 1: return random_.below(64);
      default: return random_.below(0x4000);
    }
  }

  void add_tls() {
    if (random_.chance(40)) return;
    const auto& segment = elf_.segments[random_.below(elf_.segments.size())];
    const auto from = random_.below(segment.bytes.size() + 1);
    const auto filesz = random_.below(segment.bytes.size() - from + 1);
    elf_.tls = Tls{.vaddr = segment.vaddr + from,
                   .filesz = filesz,
                   .memsz = filesz + random_.below(0x200),
                   .align = std::uint64_t{1} << random_.below(8)};
  }

  void add_notes() {
    elf_.notes.push_back(hermit_note());
    if (random_.chance(75)) {
      const auto number = [this] { return static_cast<std::uint32_t>(random_.below(20)); };
      elf_.notes.push_back(abi_tag_note({.major = number(), .minor = number(), .patch = number()}, elf_.endian));
    }
    if (random_.chance(75)) elf_.notes.push_back(uhyve_note(static_cast<std::uint32_t>(1 + random_.below(3))));
    if (random_.chance(25)) elf_.notes.push_back(xen_pvh_note(static_cast<std::uint32_t>(random_.next())));
    if (random_.chance(25)) elf_.notes.push_back({.name = "Lab", .type = 7, .desc = random_.bytes(random_.below(40))});
    random_.shuffle(elf_.notes);
    elf_.note_alignment = random_.chance(20) ? 8 : 4;
  }

  // An address in the image; the entry point for lack of a better one.
  auto address() -> std::uint64_t {
    const auto& segment = elf_.segments[random_.below(elf_.segments.size())];
    if (segment.memory_size() == 0) return elf_.entry_point;
    return segment.vaddr + random_.below(segment.memory_size());
  }

  auto symbol(std::string name) -> SymbolDescription {
    // The order in which arguments are evaluated is the compiler's choice, that of statements is not.
    const auto bind = random_.chance(20) ? elf::kBindWeak : kBindGlobal;
    const auto type = random_.chance(50) ? kTypeFunction : kTypeObject;
    return {.name = std::move(name), .info = symbol_info(bind, type), .value = address(), .size = random_.below(0x100)};
  }

  void add_symbols() {
    undefined_count_ = random_.below(4);
    for (std::uint32_t i = 0; i < undefined_count_; ++i) {
      elf_.dynamic_symbols.push_back({.name = "absent_" + std::to_string(i),
                                      .info = symbol_info(elf::kBindWeak, kTypeNone),
                                      .section = elf::kSectionUndefined});
    }
    const auto defined_count = random_.below(20);
    for (std::uint64_t i = 0; i < defined_count; ++i) {
      elf_.dynamic_symbols.push_back(symbol("symbol_" + std::to_string(i)));
    }
    const auto count = random_.below(10);
    for (std::uint64_t i = 0; i < count; ++i) elf_.symbols.push_back(symbol("function_" + std::to_string(i)));
  }

  // Places for relocations, in random order; they do not overlap. Most are aligned.
  auto places() -> std::vector<std::uint64_t> {
    std::vector<std::uint64_t> places;
    for (const auto& segment : elf_.segments) {
      if ((segment.flags & elf::kFlagWrite) == 0) continue;
      const auto skew = random_.chance(75) ? (8 - segment.vaddr % 8) % 8 : random_.below(8);
      for (auto at = skew; at + kSlotSize <= segment.memory_size(); at += kSlotSize) {
        places.push_back(segment.vaddr + at);
      }
    }
    random_.shuffle(places);
    places.resize(std::min<std::size_t>(places.size(), random_.below(501)));
    return places;
  }

  void add_relocations(bool with_relr) {
    std::vector<std::uint64_t> relr;
    for (const auto place : places()) {
      if (with_relr && place % 2 == 0 && random_.chance(50)) {
        relr.push_back(place);
      } else {
        elf_.relocations.push_back(relocation(place));
      }
    }
    std::ranges::sort(relr);
    elf_.relr = encode_relr(relr);
  }

  auto relocation(std::uint64_t place) -> elf::Rela {
    const auto types = relocation_types(elf_.arch);
    const auto kind = random_.below(10);
    // Mostly somewhere in the image, sometimes up to a terabyte to either side.
    constexpr std::uint64_t kFar = std::uint64_t{1} << 40;
    const auto addend = random_.chance(90) ? address() : random_.below(2 * kFar) - kFar;
    if (kind < 6) return {.offset = place, .type = types.relative, .addend = addend};

    const auto symbol = static_cast<std::uint32_t>(random_.below(elf_.dynamic_symbols.size() + 1));
    if (symbol != 0 && symbol <= undefined_count_) clear(place);
    if (kind < 8 || !types.glob_dat) {
      return {.offset = place, .type = types.absolute64, .symbol = symbol, .addend = addend};
    }
    return {
        .offset = place, .type = *types.glob_dat, .symbol = symbol, .addend = elf_.arch == Arch::x86_64 ? 0 : addend};
  }

  // Makes zero what the file has at this place: hermit-entry wants that of a weak undefined symbol.
  void clear(std::uint64_t place) {
    for (auto& segment : elf_.segments) {
      for (auto at = place; at < place + kSlotSize; ++at) {
        if (at >= segment.vaddr && at - segment.vaddr < segment.bytes.size()) segment.bytes[at - segment.vaddr] = {};
      }
    }
  }

  void choose_tables() {
    elf_.hash_tables = random_.pick(std::array{HashTables::none, HashTables::sysv, HashTables::gnu, HashTables::both});
    // hermit-entry finds symbols through the section headers only.
    const bool needs_symbols = std::ranges::any_of(
        elf_.relocations, [this](const elf::Rela& rela) { return rela.type != relocation_types(elf_.arch).relative; });
    elf_.has_section_headers = needs_symbols || random_.chance(75);
  }

  Random random_;
  Elf elf_;
  std::uint64_t undefined_count_ = 0;  // the first so many dynamic symbols are weak and undefined
};

// Places the code and the data of a minimal kernel behind its header segment, however large that is, and
// moves the relocations, which are given from the beginning of the data, there.
auto place_behind_header(Elf kernel) -> Elf {
  const auto code_at = entry::checked_align_up(header_segment_size(kernel), kPageSize).value();
  const auto data_at = entry::checked_align_up(code_at + kCodeSize, kPageSize).value();
  kernel.segments[0].vaddr = code_at;
  kernel.segments[1].vaddr = data_at;
  kernel.entry_point = code_at;
  for (auto& rela : kernel.relocations) {
    rela.offset += data_at;
    rela.addend += data_at;
  }
  return kernel;
}

// A minimal kernel with these data, without what has addresses of its own.
auto kernel_with_data(std::vector<std::byte> data) -> Elf {
  auto kernel = minimal_relocatable();
  kernel.segments[1].bytes = std::move(data);
  kernel.segments[1].memsz.reset();
  kernel.tls.reset();
  kernel.symbols.clear();
  kernel.relocations.clear();
  return kernel;
}

}  // namespace

auto relocation_types(Arch arch) -> RelocationTypes {
  switch (arch) {
    case Arch::x86_64: return {.relative = 8, .absolute64 = 1, .glob_dat = 6};
    case Arch::aarch64: return {.relative = 1027, .absolute64 = 257, .glob_dat = 1025};
    case Arch::riscv64: return {.relative = 3, .absolute64 = 2, .glob_dat = std::nullopt};
  }
  std::unreachable();
}

auto minimal_kernel(Arch arch, Endian endian, bool is_relocatable) -> Elf {
  Elf kernel{
      .arch = arch,
      .endian = endian,
      .type = is_relocatable ? elf::kTypeDynamic : elf::kTypeExecutable,
      .entry_point = kCodeAt,
      .rodata = text_bytes("A kernel that is not for running."),
      .segments = {{.vaddr = kCodeAt, .flags = kFlagsCode, .bytes = code(arch, kCodeSize)},
                   {.vaddr = kDataAt, .flags = kFlagsData, .bytes = pattern(kDataFileSize), .memsz = kDataMemorySize}},
      .tls = Tls{.vaddr = kTlsAt, .filesz = 0x20, .memsz = 0x60, .align = 16},
      .extra_segments = {{.type = elf::kSegmentGnuStack, .flags = kFlagsData}},
      .notes = {abi_tag_note(kVersion, endian), hermit_note(), uhyve_note(2)},
      .symbols = {{.name = "_ZN6hermit6hermit19boot_processor_main17h452fabd5dbee2913E",
                   .info = symbol_info(kBindLocal, kTypeFunction),
                   .value = kCodeAt + 0x40,
                   .size = kCodeSize - 0x40},
                  {.name = "_RNvNtNtCsdL8mVqrXnLm_6hermit4arch5start6__start",
                   .info = symbol_info(kBindGlobal, kTypeFunction),
                   .value = kCodeAt,
                   .size = 0x40}},
  };
  if (is_relocatable) {
    add_relative_relocations(kernel);
  } else {
    rebase(kernel, kFixedBase);
  }
  return kernel;
}

auto sample_kernels() -> std::vector<NamedKernel> {
  Samples samples;
  for (const auto& target : kTargets) add_target_samples(samples, target);
  add_table_samples(samples);
  add_symbol_samples(samples);
  add_layout_samples(samples);
  add_boundary_samples(samples);
  add_note_samples(samples);
  add_odd_notes(samples);
  add_odd_segments(samples);
  add_odd_relocations(samples);
  add_wrong_headers(samples);
  add_wrong_segment_tables(samples);
  add_wrong_segments(samples);
  add_wrong_tls(samples);
  add_wrong_notes(samples);
  add_empty_application(samples);
  add_wrong_dynamic_sections(samples);
  add_wrong_relocation_types(samples);
  add_wrong_relocations(samples);
  return std::move(samples).take();
}

auto random_kernel(std::uint64_t seed, Arch arch, Endian endian, bool with_relr) -> std::vector<std::byte> {
  return write(RandomKernel{seed, arch, endian}.make(with_relr));
}

auto large_kernel(std::uint64_t size_bytes) -> std::vector<std::byte> {
  constexpr std::uint64_t kMostRelocations = 4096;
  constexpr std::uint64_t kSlotsPerPage = kPageSize / kSlotSize;
  const auto pages = std::max<std::uint64_t>(size_bytes / kPageSize, 1);
  const auto relocated_pages = std::max<std::uint64_t>(pages / 100, 1);
  const auto per_page = std::min(kMostRelocations / std::min(relocated_pages, kMostRelocations), kSlotsPerPage);

  auto kernel = kernel_with_data(Random{size_bytes}.bytes(pages * kPageSize));
  for (std::uint64_t i = 0; i < std::min(relocated_pages, kMostRelocations); ++i) {
    for (std::uint64_t j = 0; j < per_page; ++j) {
      const auto place = i * (pages / relocated_pages) * kPageSize + j * (kSlotsPerPage / per_page) * kSlotSize;
      kernel.relocations.push_back(relative(kernel, place, i * per_page + j));
    }
  }
  return write(place_behind_header(std::move(kernel)));
}

auto many_relocations_kernel(std::uint64_t count) -> std::vector<std::byte> {
  auto kernel = kernel_with_data(std::vector<std::byte>(count * kSlotSize));
  kernel.relocations.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) kernel.relocations.push_back(relative(kernel, i * kSlotSize, i));
  return write(place_behind_header(std::move(kernel)));
}

}  // namespace hermitage::testing
