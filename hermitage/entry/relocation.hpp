// The relocations that a Hermit loader supports.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "hermitage/entry/arch.hpp"
#include "hermitage/entry/elf.hpp"
#include "hermitage/entry/problem.hpp"
#include "hermitage/entry/table.hpp"

namespace hermitage::entry {

// The value stored at start + offset: eight bytes in the guest's byte order.
enum class RelocationKind : std::uint8_t {
  relative,     // start + addend
  absolute64,   // start + symbol value + addend; 0 for a weak undefined symbol
  glob_dat,     // the same; not on riscv64
  unsupported,  // not permitted in a Hermit kernel
};

[[nodiscard]] auto relocation_kind(Arch arch, std::uint32_t type) noexcept -> RelocationKind;

// The number of R_*_RELATIVE of the architecture.
[[nodiscard]] auto relative_relocation_type(Arch arch) noexcept -> std::uint32_t;

// "R_X86_64_RELATIVE" and so on, also for types that Hermit kernels must not have. Empty for unknown types.
[[nodiscard]] auto relocation_type_name(Arch arch, std::uint32_t type) noexcept -> std::string_view;

// The number of bytes that a relocation writes.
inline constexpr std::uint64_t kRelocationSize = 8;

// Whether a relocation at `offset` writes within an image of mem_size bytes.
[[nodiscard]] constexpr auto relocation_fits(std::uint64_t offset, std::uint64_t mem_size) noexcept -> bool {
  return range_fits(offset, kRelocationSize, mem_size);
}

// Checks relocations, and computes the values that they store.
struct RelocationResolver {
  Arch arch = Arch::x86_64;
  std::uint64_t mem_size = 0;
  Table<elf::Symbol> symbols;
  std::uint64_t start = 0;  // guest address of the first byte of the loaded kernel

  // Returns the value to store at `rela.offset`. On success, that offset is inside the loaded kernel. Fails with
  // unsupported_relocation, relocation_outside_memory, relocation_symbol or relocation_addend. `index` is the
  // relocation's index in its table, for the error.
  [[nodiscard]] auto resolve(const elf::Rela& rela, std::size_t index) const noexcept
      -> std::expected<std::uint64_t, LoadError>;
};

// Iterates over a DT_RELR table (gABI "Relative Relocation Table"). Calls `visit(offset)` in order for each place to
// which the loader adds the start address, until `visit` returns false. Returns the index of the word at which it
// stopped: relr.size() at the end, or less if `visit` returned false or the table is malformed (it begins with a
// bitmap).
template <class Visitor>
auto for_each_relr(const Table<elf::RelrWord>& relr, Visitor&& visit) -> std::size_t {
  constexpr std::uint64_t kBitsPerMap = 63;
  std::uint64_t next = 0;
  bool has_next = false;
  for (std::size_t index = 0; index < relr.size(); ++index) {
    const std::uint64_t word = relr[index].value;
    if ((word & 1) == 0) {
      if (!visit(word)) return index;
      next = word + kRelocationSize;
      has_next = true;
      continue;
    }
    if (!has_next) return index;
    std::uint64_t offset = next;
    for (std::uint64_t bits = word >> 1; bits != 0; bits >>= 1) {
      if ((bits & 1) != 0 && !visit(offset)) return index;
      offset += kRelocationSize;
    }
    next += kBitsPerMap * kRelocationSize;
  }
  return relr.size();
}

}  // namespace hermitage::entry
