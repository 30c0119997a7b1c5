// A Hermit kernel: parsing, its properties, and loading.
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

// The location of the TLS template in the loaded kernel. Sizes in bytes.
struct TlsInfo {
  GuestAddress start;
  std::uint64_t filesz = 0;  // size in the file; at most memsz
  std::uint64_t memsz = 0;   // size in memory; the rest is zero
  std::uint64_t align = 0;

  friend constexpr auto operator==(const TlsInfo&, const TlsInfo&) noexcept -> bool = default;
};

struct LoadOptions {
  // The memory contains only zeros, as a new mapping does. Loading then does not write zeros.
  bool zeroed_memory = false;
};

// Values that a loader passes to the kernel (hermit_entry::elf::LoadedKernel).
struct LoadedKernel {
  GuestRange image;
  GuestAddress entry_point;
  std::optional<TlsInfo> tls;
};

// A checked view of a kernel's ELF file. It allocates and copies nothing. It refers to the bytes it was parsed from:
// these must outlive it and must not change. It is cheap to copy.
//
// parse() checks the ranges of everything except single relocations. Those are checked when they are applied. Mirrors
// hermit_entry::elf::KernelObject.
class KernelObject {
 public:
  // Fails with the first error of `examine`, or with an error of ElfFile::open. Accepts any bytes of any size and
  // alignment.
  [[nodiscard]] static auto parse(std::span<const std::byte> elf HERMITAGE_LIFETIMEBOUND) noexcept
      -> std::expected<KernelObject, ParseError>;
  // The bytes must outlive the kernel.
  template <TemporaryBytes Owner>
  static auto parse(Owner&& elf) = delete;

  [[nodiscard]] auto arch() const noexcept -> Arch { return arch_; }
  [[nodiscard]] auto endian() const noexcept -> Endian { return file_.endian(); }
  // ET_DYN: the kernel can be loaded at any address. Otherwise it is fixed: ET_EXEC, loaded at start_addr().
  [[nodiscard]] auto is_relocatable() const noexcept -> bool { return is_relocatable_; }

  // From the ABI tag. Nothing for kernels before 0.10.
  [[nodiscard]] auto hermit_version() const noexcept -> std::optional<HermitVersion> { return hermit_version_; }
  // Always kEntryVersion: parse() refuses all others.
  [[nodiscard]] static constexpr auto entry_version() noexcept -> std::uint8_t { return kEntryVersion; }
  // From the UHYVEIF note, or 1 without a note. Can be newer than kNewestUhyveInterface.
  [[nodiscard]] auto uhyve_interface_version() const noexcept -> UhyveInterfaceVersion {
    return uhyve_interface_.value_or(kUhyveInterfaceWithoutNote);
  }
  [[nodiscard]] auto has_uhyve_interface_note() const noexcept -> bool { return uhyve_interface_.has_value(); }

  // The size of the loaded kernel in bytes, at least 1: from the first PT_LOAD segment to the end of the last. The
  // value is untrusted: compare it with the available memory before any allocation or slice.
  [[nodiscard]] auto mem_size() const noexcept -> std::uint64_t { return mem_size_; }
  // The address at which a fixed kernel must be loaded. Nothing for a relocatable kernel.
  [[nodiscard]] auto start_addr() const noexcept -> std::optional<GuestAddress>;
  // The entry point of the kernel loaded at `start`. A fixed kernel ignores `start`.
  [[nodiscard]] auto entry_point(GuestAddress start) const noexcept -> GuestAddress;
  [[nodiscard]] auto tls_info(GuestAddress start) const noexcept -> std::optional<TlsInfo>;

  // The file, with all its parts (segments, notes, dynamic section, sections, symbols).
  [[nodiscard]] auto file() const noexcept HERMITAGE_LIFETIMEBOUND -> const ElfFile& { return file_; }
  [[nodiscard]] auto segments() const noexcept -> Table<elf::Segment> { return file_.segments(); }
  [[nodiscard]] auto relocations() const noexcept -> Table<elf::Rela> { return relocations_; }
  [[nodiscard]] auto relr() const noexcept -> Table<elf::RelrWord> { return relr_; }
  [[nodiscard]] auto dynamic_symbols() const noexcept -> SymbolTable { return file_.dynamic_symbols(); }
  // Calls visit(const Note&, offset of the note in the file) for each note in order.
  template <class Visitor>
  void for_each_note(Visitor&& visit) const {
    file_.for_each_note(visit);
  }

  // The offset of a segment's first byte from the first byte of the loaded kernel, in bytes.
  [[nodiscard]] auto memory_offset(const elf::Segment& segment) const noexcept -> std::uint64_t {
    return segment.vaddr - first_vaddr_;
  }

  // Loads the kernel for the address `start` into `memory`: copies the segments, writes zeros between and after them,
  // and applies relocations. `memory` must not overlap the file. Fails with
  //   memory_size        memory is not mem_size() bytes
  //   start_address      the kernel is fixed, and start is not start_addr()
  //   address_overflow   start + mem_size() does not fit in 64 bits
  //   the errors of relocate(), if a relocation cannot be applied
  // After a failure, the content of `memory` is unspecified, but nothing outside of it was written.
  [[nodiscard]] auto load(std::span<std::byte> memory, GuestAddress start, LoadOptions options = {}) const noexcept
      -> std::expected<LoadedKernel, LoadError>;

  // Only the last step of load(), for memory that already contains the segments (see LoadPlan). Not idempotent:
  // DT_RELR adds to the values in memory. Fails with unsupported_relocation, relocation_outside_memory,
  // relocation_symbol, relocation_addend, malformed_relr, or with the errors of load().
  [[nodiscard]] auto relocate(std::span<std::byte> memory, GuestAddress start) const noexcept
      -> std::expected<LoadedKernel, LoadError>;

  // The checks of load() and relocate() before they write to the memory.
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
