// Page tables that map memory one to one (Intel SDM volume 3, 4.5: 4-level paging).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/protection.hpp"

namespace hermitage::loader::x86_64 {

using PageTable = std::array<std::uint64_t, 512>;

inline constexpr std::size_t kPageTableSize = sizeof(PageTable);

class PageTables {
 public:
  // `root` is a PML4, aligned to its size: what it maps already must be mapped one to one. Further tables come from the
  // arena; tables lie where addresses are physical and virtual alike.
  PageTables(PageTable& root, Arena& arena, bool has_pages_of_1_gib) noexcept
      : root_{&root}, arena_{&arena}, has_pages_of_1_gib_{has_pages_of_1_gib} {}

  // Maps a range, widened to whole pages of 4 KiB, or maps it anew with another access: with pages as large as fit,
  // splitting larger ones. False when the arena has no room for a table, or the range is beyond 256 TiB.
  [[nodiscard]] auto map(GuestRange range, Access access) noexcept -> bool;

  // Maps nothing there any more. False when the arena has no room for a table.
  [[nodiscard]] auto unmap(GuestRange range) noexcept -> bool;

  // Has the last entry of the PML4 point to the PML4, as kernels before 0.11 want it.
  void map_recursively() noexcept;

 private:
  [[nodiscard]] auto set(PageTable& table, int level, GuestRange range, std::uint64_t flags) noexcept -> bool;
  // The table that an entry of `level` refers to, made from what the entry maps; null when there is no room.
  [[nodiscard]] auto table_below(std::uint64_t& entry, int level) noexcept -> PageTable*;

  PageTable* root_;
  Arena* arena_;
  bool has_pages_of_1_gib_;
};

}  // namespace hermitage::loader::x86_64
