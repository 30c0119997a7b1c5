#include "hermitage/loader/arch/aarch64/kernel_tables.hpp"

#include <cstdint>

#include "hermitage/loader/boot.hpp"

namespace hermitage::loader::aarch64 {
namespace {

// Memory that is not cached (attribute 3), as in the original loader. Never executable.
constexpr std::uint64_t kConsolePage = 0x70f | std::uint64_t{3} << 53;
// The entry of the first table that refers to the table itself: it is a table entry and a page entry.
constexpr std::uint64_t kRecursive = 0x713 | std::uint64_t{1} << 55;

}  // namespace

auto make_kernel_tables(const LoadedImage& image, std::span<const ProtectedRange> others, GuestAddress console,
                        Arena& arena) noexcept -> const PageTable* {
  auto& root =
      *reinterpret_cast<PageTable*>(allocate_or_fail(arena, kPageTableSize, kPageTableSize, "page tables").data());
  root = {};
  PageTables tables{kPagesOfAarch64, PageTables::Largest::k4Kib, root, arena};
  bool is_mapped = true;
  for (const auto& [range, access] : others) is_mapped &= tables.map(range, access);
  is_mapped &= tables.map(image.kernel.image, kReadWrite);
  const Protection protection{image.object, image.kernel.image.start};
  for (const auto& [range, access] : protection.ranges()) {
    is_mapped &= tables.map(range, access.write ? access : kReadExecute);
  }
  is_mapped &= tables.map_page(kConsoleOfKernels, console.value | kConsolePage);
  if (!is_mapped) fail("out of memory for page tables");
  root.back() = address_of(&root).value | kRecursive;
  return &root;
}

void synchronize_caches(GuestRange code) noexcept {
  std::uint64_t cache_type = 0;
  asm volatile("mrs %0, ctr_el0" : "=r"(cache_type));
  const std::uint64_t line = std::uint64_t{4} << (cache_type >> 16 & 0xf);
  for (auto at = code.start.value & ~(line - 1); at < code.end.value; at += line) {
    asm volatile("dc cvau, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb ish; ic iallu; dsb ish; isb" : : : "memory");
}

}  // namespace hermitage::loader::aarch64
