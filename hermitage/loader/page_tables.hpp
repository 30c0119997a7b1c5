// Page tables of four levels, pages of 4 KiB and 512 entries of 64 bits each, as x86_64 and aarch64 have them: the
// geometry is the same, and what is in an entry is a value.
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
  std::uint64_t table;  // of an entry that refers to a table
  std::uint64_t page;   // of one that maps a page of 4 KiB
  std::uint64_t block;  // of one that maps more
  std::uint64_t kind;   // the bits that tell a table from a block
  std::uint64_t write;  // set where memory may be written
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

// Arm ARM, D8.3, stage 1 at EL1: inner shareable, accessed, memory of the attribute with index 4. The processor ignores
// these bits where an entry refers to a table, but kernels see their tables by an entry that refers to its own table,
// as pages.
inline constexpr PageFormat kPagesOfAarch64{.table = 0x713,
                                            .page = 0x713,
                                            .block = 0x711,
                                            .kind = 0x2,
                                            .write = 0,
                                            .no_write = 1 << 7,
                                            .no_execute = std::uint64_t{3} << 53};

class PageTables {
 public:
  // How large pages may be: what an entry of this level, counted from the last one, covers.
  enum class Largest : std::uint8_t { k4Kib = 1, k2Mib = 2, k1Gib = 3 };

  // `root` is aligned to its size: what it maps already must be mapped one to one. Further tables come from the arena;
  // tables lie where addresses are physical and virtual alike.
  PageTables(const PageFormat& format, Largest largest, PageTable& root, Arena& arena) noexcept
      : format_{&format}, largest_{largest}, root_{&root}, arena_{&arena} {}

  // Maps a range one to one, widened to whole pages, or maps it anew with another access: with pages as large as fit,
  // splitting larger ones. False when the arena has no room for a table, or the range is beyond 256 TiB.
  [[nodiscard]] auto map(GuestRange range, Access access) noexcept -> bool;

  // Maps one page of 4 KiB to another address, with an entry's bits as they are.
  [[nodiscard]] auto map_page(GuestAddress page, std::uint64_t entry) noexcept -> bool;

  // Maps nothing there any more. False when the arena has no room for a table.
  [[nodiscard]] auto unmap(GuestRange range) noexcept -> bool;

 private:
  // What becomes of entries that map a range.
  struct Change {
    std::uint64_t page;  // bits or, of a fixed entry, all of it; 0 for absent ones
    std::uint64_t block;
    bool is_fixed;
  };

  [[nodiscard]] auto set(PageTable& table, int level, GuestRange range, const Change& change) noexcept -> bool;
  // The table that an entry of `level` refers to, made from what the entry maps; null when there is no room.
  [[nodiscard]] auto table_below(std::uint64_t& entry, int level) noexcept -> PageTable*;

  const PageFormat* format_;
  Largest largest_;
  PageTable* root_;
  Arena* arena_;
};

}  // namespace hermitage::loader
