// A Hermit kernel: parse it, ask it, load it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "hermitage/entry/address.hpp"
#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/elf_file.hpp"
#include "hermitage/entry/examine.hpp"
#include "hermitage/entry/problem.hpp"
#include "hermitage/entry/relocation.hpp"
#include "hermitage/entry/version.hpp"

namespace hermitage::entry {

// Where the template of the thread-local storage lies in the loaded kernel. Sizes in bytes.
struct TlsInfo {
  GuestAddress start;
  std::uint64_t filesz = 0;  // how much of it is in the image; at most memsz
  std::uint64_t memsz = 0;   // the rest is zero
  std::uint64_t align = 0;

  friend constexpr auto operator==(const TlsInfo&, const TlsInfo&) noexcept -> bool = default;
};

struct LoadOptions {
  // The memory is known to be all zeros, as a fresh mapping is: what need not be written is not touched.
  bool zeroed_memory = false;
};

// What a loader must tell the kernel it has loaded (hermit_entry::elf::LoadedKernel).
struct LoadedKernel {
  GuestRange image;
  GuestAddress entry_point;
  std::optional<TlsInfo> tls;
};

// A checked view of a kernel's ELF file. It allocates and copies nothing and refers to the bytes it was parsed
// from, which must outlive it and must not change. A value: cheap to copy.
//
// Everything in it has been bounds-checked by parse(), except single relocations: those are checked when they
// are applied. Mirrors hermit_entry::elf::KernelObject.
class KernelObject {
 public:
  // Fails with the first of the errors that `examine` knows, or those of ElfFile::open. The bytes may be any,
  // of any size and alignment.
  [[nodiscard]] static auto parse(std::span<const std::byte> elf) noexcept -> std::expected<KernelObject, ParseError>;

  [[nodiscard]] auto arch() const noexcept -> Arch { return arch_; }
  [[nodiscard]] auto endian() const noexcept -> Endian { return file_.endian(); }
  // ET_DYN: can be loaded anywhere. Otherwise fixed: ET_EXEC, to be loaded at start_addr().
  [[nodiscard]] auto is_relocatable() const noexcept -> bool { return is_relocatable_; }

  // From the ABI tag; nothing for kernels before 0.10.
  [[nodiscard]] auto hermit_version() const noexcept -> std::optional<HermitVersion> { return hermit_version_; }
  // Always kEntryVersion: parse refuses any other.
  [[nodiscard]] static constexpr auto entry_version() noexcept -> std::uint8_t { return kEntryVersion; }
  // From the UHYVEIF note; 1 when there is none. May be newer than kNewestUhyveInterface.
  [[nodiscard]] auto uhyve_interface_version() const noexcept -> UhyveInterfaceVersion {
    return uhyve_interface_.value_or(kUhyveInterfaceWithoutNote);
  }
  [[nodiscard]] auto has_uhyve_interface_note() const noexcept -> bool { return uhyve_interface_.has_value(); }

  // The size of the loaded image in bytes, at least 1: from the first PT_LOAD segment to the end of the last. The file
  // says so: compare it with what there is before allocating or slicing anything.
  [[nodiscard]] auto mem_size() const noexcept -> std::uint64_t { return mem_size_; }
  // Where the kernel must be loaded; nothing for a relocatable one.
  [[nodiscard]] auto start_addr() const noexcept -> std::optional<GuestAddress>;
  // Of the kernel when it is loaded at `start`, which a fixed kernel ignores.
  [[nodiscard]] auto entry_point(GuestAddress start) const noexcept -> GuestAddress;
  [[nodiscard]] auto tls_info(GuestAddress start) const noexcept -> std::optional<TlsInfo>;

  // Every part of the file (segments, notes, dynamic section, sections, symbols).
  [[nodiscard]] auto file() const noexcept -> const ElfFile& { return file_; }
  [[nodiscard]] auto segments() const noexcept -> Table<elf::Segment> { return file_.segments(); }
  [[nodiscard]] auto relocations() const noexcept -> Table<elf::Rela> { return relocations_; }
  [[nodiscard]] auto relr() const noexcept -> Table<elf::RelrWord> { return relr_; }
  [[nodiscard]] auto dynamic_symbols() const noexcept -> SymbolTable { return file_.dynamic_symbols(); }
  // Calls visit(const Note&, offset of the note in the file) for each note in order.
  template <class Visitor>
  void for_each_note(Visitor&& visit) const {
    file_.for_each_note(visit);
  }

  // Where a segment's first byte lies in the image, in bytes.
  [[nodiscard]] auto memory_offset(const elf::Segment& segment) const noexcept -> std::uint64_t {
    return segment.vaddr - first_vaddr_;
  }

  // Makes `memory`, which must not overlap the file, what the kernel wants to find at `start`: segments, zeros between
  // and behind them, and relocations. Fails with
  //   memory_size        memory is not mem_size() bytes
  //   start_address      a fixed kernel, and start is not start_addr()
  //   address_overflow   start + mem_size() does not fit in 64 bits
  //   and, when a relocation cannot be applied, with the errors of relocate(); the memory's content is
  //   unspecified then, but nothing outside of it was written.
  [[nodiscard]] auto load(std::span<std::byte> memory, GuestAddress start, LoadOptions options = {}) const noexcept
      -> std::expected<LoadedKernel, LoadError>;

  // The last step of load() alone, for memory in which the segments have been placed by other means (see
  // LoadPlan). Not idempotent: DT_RELR adds to what is there. Fails with unsupported_relocation,
  // relocation_outside_memory, relocation_symbol, relocation_addend, malformed_relr, or as load() does.
  [[nodiscard]] auto relocate(std::span<std::byte> memory, GuestAddress start) const noexcept
      -> std::expected<LoadedKernel, LoadError>;

  // What load() and relocate() check before they touch the memory.
  [[nodiscard]] auto check_placement(std::uint64_t memory_size, GuestAddress start) const noexcept
      -> std::expected<void, LoadError>;

  [[nodiscard]] auto facts() const noexcept -> KernelFacts;

 private:
  KernelObject(const ElfFile& file, const KernelFacts& facts) noexcept;

  void place_segments(std::span<std::byte> memory, LoadOptions options) const noexcept;

  ElfFile file_;
  Arch arch_;
  bool is_relocatable_;
  std::optional<HermitVersion> hermit_version_;
  std::optional<UhyveInterfaceVersion> uhyve_interface_;
  std::uint64_t first_vaddr_;
  std::uint64_t mem_size_;
  std::optional<elf::Segment> tls_;
  Table<elf::Rela> relocations_;
  Table<elf::RelrWord> relr_;
};

}  // namespace hermitage::entry
