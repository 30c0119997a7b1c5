#include "guests/devices/address_space.hpp"

#include <array>

#include "guests/runtime/guest.hpp"

namespace guest {
#if defined(__x86_64__) || defined(__aarch64__)
namespace {

// Tables of 512 entries. The range of an entry is 512 times that of an entry in the next level. Format describes the
// differences between the two architectures.
using Table = std::array<volatile std::uint64_t, 512>;

constexpr std::uint64_t kPageSize = 0x1000;
constexpr std::uint64_t kBlockSize = 0x200000;
constexpr std::uint64_t kAddressMask = 0x0000'ffff'ffff'f000;
constexpr std::uint64_t kPresent = 1;

alignas(kPageSize) constinit std::array<Table, 16> spare_tables{};
constinit std::size_t used_tables = 0;

struct Format {
  Table* root;
  int levels;             // number of levels; the last one contains pages
  std::uint64_t table;    // bits of an entry that refers to a table
  std::uint64_t page;     // bits of an entry that maps a page of registers
  std::uint64_t block;    // bits of an entry that maps a larger page
  std::uint64_t is_kind;  // the bits that distinguish a table from a block
};

#if defined(__x86_64__)
// Intel SDM volume 3, 4.5: present, writable, uncached and write-through.
auto format() -> Format {
  std::uint64_t root;
  asm volatile("mov %%cr3, %0" : "=r"(root));
  return {.root = reinterpret_cast<Table*>(root & kAddressMask),
          .levels = 4,
          .table = 0x3,
          .page = 0x1b,
          .block = 0x9b,
          .is_kind = 0x80};
}
void flush_tables() {
  asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}
#else
// The index of the memory attribute for devices (Arm ARM, D17.2.97).
auto device_attribute() -> std::uint64_t {
  std::uint64_t attributes;
  asm volatile("mrs %0, mair_el1" : "=r"(attributes));
  for (std::uint64_t i = 0; i < 8; ++i) {
    if ((attributes >> 8 * i & 0xf3) == 0) return i;
  }
  fail("net: there is no memory attribute for devices");
}

// Arm ARM, D8.3: accessed, never executable.
auto format() -> Format {
  std::uint64_t root;
  std::uint64_t control;
  asm volatile("mrs %0, ttbr0_el1; mrs %1, tcr_el1" : "=r"(root), "=r"(control));
  const auto bits = 64 - (control & 0x3f);
  const auto device = device_attribute() << 2 | 1 << 10 | std::uint64_t{3} << 53;
  return {.root = reinterpret_cast<Table*>(root & kAddressMask),
          .levels = bits > 39 ? 4 : 3,
          .table = 0x3,
          .page = device | 0x3,
          .block = device | 0x1,
          .is_kind = 0x2};
}
void flush_tables() {
  asm volatile("dsb ishst; tlbi vmalle1; dsb sy; isb" : : : "memory");
}
#endif

auto new_table() -> Table* {
  if (used_tables == spare_tables.size()) fail("net: out of memory for page tables");
  return &spare_tables[used_tables++];
}

// Maps the block of 2 MiB that contains `address`. If a part of the block is mapped, maps only the page.
void map(const Format& format, std::uint64_t address) {
  auto* table = format.root;
  for (int level = format.levels;; --level) {
    auto& entry = (*table)[address >> (12 + 9 * (level - 1)) & 511];
    const auto value = entry;
    const bool is_present = (value & kPresent) != 0;
    if (level == 1) {
      if (!is_present) entry = (address & ~(kPageSize - 1)) | format.page;
      return;
    }
    if (is_present && (value & format.is_kind) != (format.table & format.is_kind)) return;
    if (!is_present && level == 2) {
      entry = (address & ~(kBlockSize - 1)) | format.block;
      return;
    }
    auto* const next = is_present ? reinterpret_cast<Table*>(value & kAddressMask) : new_table();
    if (!is_present) entry = reinterpret_cast<std::uint64_t>(next) | format.table;
    table = next;
  }
}

}  // namespace

void map_device(std::uint64_t address, std::uint64_t size) {
  const auto tables = format();
  for (auto page = address & ~(kPageSize - 1); page < address + size; page += kPageSize) map(tables, page);
  flush_tables();
}

#else

// Addresses are physical, or the firmware's tables map all addresses.
void map_device(std::uint64_t /*address*/, std::uint64_t /*size*/) {}

#endif
}  // namespace guest
