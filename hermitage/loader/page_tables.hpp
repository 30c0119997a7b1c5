// Page tables with four levels, pages of 4 KiB and 512 entries of 64 bits, as on x86_64 and aarch64. The geometry is
// the same on both; PageFormat describes the entries.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/protection.hpp"

namespace hermitage::loader {

using PageTable = std::array<std::uint64_t, 512>;

inline constexpr std::size_t kPageTableSize = sizeof(PageTable);

// The bits of entries. An entry without bit 0 is absent.
struct PageFormat {
  std::uint64_t table;  // an entry that refers to a table
  std::uint64_t page;   // an entry that maps a page of 4 KiB
  std::uint64_t block;  // an entry that maps a larger page
  std::uint64_t kind;   // the bits that distinguish a table from a block
  std::uint64_t write;  // set for writable memory
  std::uint64_t no_write;
  std::uint64_t no_execute;

  [[nodiscard]] constexpr auto is_table(std::uint64_t entry) const noexcept -> bool {
    return (entry & 1) != 0 && (entry & kind) == (table & kind);
  }
  [[nodiscard]] constexpr auto access(Access access) const noexcept -> std::uint64_t {
    return (access.write ? write : no_write) | (access.execute ? 0 : no_execute);
  }
};

// Intel SDM volume 3, 4.5.
inline constexpr PageFormat kPagesOfX86_64{.table = 0x3,
                                           .page = 0x1,
                                           .block = 0x81,
                                           .kind = 0x80,
                                           .write = 0x2,
                                           .no_write = 0,
                                           .no_execute = std::uint64_t{1} << 63};

// Arm ARM, D8.3, stage 1 at EL1: inner shareable, accessed, memory with attribute index 4. The processor ignores
// these bits in an entry that refers to a table. Kernels access their tables as pages, by an entry that refers to its
// own table.
inline constexpr PageFormat kPagesOfAarch64{.table = 0x713,
                                            .page = 0x713,
                                            .block = 0x711,
                                            .kind = 0x2,
                                            .write = 0,
                                            .no_write = 1 << 7,
                                            .no_execute = std::uint64_t{3} << 53};

class PageTables {
 public:
  // The largest page size: the range of an entry of this level, counted from the last level.
  enum class Largest : std::uint8_t { k4Kib = 1, k2Mib = 2, k1Gib = 3 };

  // `root` is aligned to its size. Its existing entries must be identity mappings. Further tables come from the
  // arena. Tables must be identity-mapped.
  PageTables(const PageFormat& format, Largest largest, PageTable& root, Arena& arena) noexcept
      : format_{&format}, largest_{largest}, root_{&root}, arena_{&arena} {}

  // Identity-maps a range, extended to whole pages, or changes the access of a mapped range. Uses the largest
  // possible pages, and splits larger ones. Returns false if the arena has no space for a table, or if the range is
  // beyond 256 TiB.
  [[nodiscard]] auto map(GuestRange range, Access access) noexcept -> bool;

  // Maps one page of 4 KiB to another address, with this entry.
  [[nodiscard]] auto map_page(GuestAddress page, std::uint64_t entry) noexcept -> bool;

  // Removes the mapping of a range. Returns false if the arena has no space for a table.
  [[nodiscard]] auto unmap(GuestRange range) noexcept -> bool;

 private:
  // The change of entries that map a range.
  struct Change {
    std::uint64_t page;  // bits, or for a fixed entry the whole entry; 0 for absent entries
    std::uint64_t block;
    bool is_fixed;
  };

  [[nodiscard]] auto set(PageTable& table, int level, GuestRange range, const Change& change) noexcept -> bool;
  // The table of an entry of `level`, or a new one with the mapping of the entry. Null if the arena is full.
  [[nodiscard]] auto table_below(std::uint64_t& entry, int level) noexcept -> PageTable*;

  const PageFormat* format_;
  Largest largest_;
  PageTable* root_;
  Arena* arena_;
};

}  // namespace hermitage::loader
