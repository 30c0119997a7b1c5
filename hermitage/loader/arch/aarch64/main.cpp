// From QEMU's machine `virt`, or firmware that resembles it, to a kernel, on aarch64 of either byte order.
#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/loader/arch/aarch64/pl011.hpp"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/page_tables.hpp"
#include "hermitage/loader/platform/device_tree/boot_by_device_tree.hpp"
#include "hermitage/loader/platform/device_tree/read_device_tree.hpp"
#include "hermitage/loader/protection.hpp"

using namespace hermitage::loader;  // NOLINT(google-build-using-namespace)

extern "C" {
extern std::byte loader_start[];
extern std::byte loader_text_end[];
extern std::byte loader_end[];
extern PageTable page_map;
void use_page_map(const PageTable* root);
[[noreturn]] void enter_kernel(const void* boot_info, std::uint32_t cpu, std::uint64_t entry_point, const void* stack);
[[noreturn]] void loader_main(std::uint64_t device_tree);
}

namespace {

constexpr std::uint64_t kGib = 1 << 30;
// Of QEMU's machine `virt`, which tells an ELF file nothing of where its device tree is.
constexpr GuestAddress kUsualDeviceTree{0x4000'0000};
constexpr GuestAddress kUsualConsole{0x0900'0000};
// Where kernels have the console, whatever its physical address.
constexpr GuestAddress kConsoleOfKernels{0x1000};
// Memory that is not cached (attribute 3), as the original maps it there; never executed.
constexpr std::uint64_t kConsolePage = 0x70f | std::uint64_t{3} << 53;
// The entry of the first table that refers to that table: a table, and a page at the same time.
constexpr std::uint64_t kRecursive = 0x713 | std::uint64_t{1} << 55;
// Four levels of tables.
constexpr GuestAddress kMappableEnd{std::uint64_t{1} << 47};

constinit Handover handover{};

// What the kernel is left with.
alignas(kPageTableSize) constinit std::array<std::byte, 1 << 20> arena_memory{};
// Its page tables begin here.
alignas(kPageTableSize) constinit PageTable kernel_page_map{};

// Kernels change entries of single pages, so that there are no larger ones. Mapped is what a kernel needs before it
// maps its memory: itself, what the loader leaves to it, and the device tree. Nothing that is written is executed; what
// is only read may be: kernels have their exception vectors there.
void make_kernel_tables(const DeviceTreeBoot& boot, GuestAddress console, GuestRange loader, Arena& arena) {
  PageTables tables{kPagesOfAarch64, PageTables::Largest::k4Kib, kernel_page_map, arena};
  bool is_mapped = tables.map(loader, kReadWrite);
  is_mapped &= tables.map({loader.start, address_of(loader_text_end)}, kReadExecute);
  is_mapped &= tables.map(boot.device_tree, kReadWrite);
  is_mapped &= tables.map(boot.image.kernel.image, kReadWrite);
  const Protection protection{boot.image.object, boot.image.kernel.image.start};
  for (const auto& [range, access] : protection.ranges()) {
    is_mapped &= tables.map(range, access.write ? access : kReadExecute);
  }
  is_mapped &= tables.map_page(kConsoleOfKernels, console.value | kConsolePage);
  if (!is_mapped) fail("there is no room for page tables");
  kernel_page_map.back() = address_of(&kernel_page_map).value | kRecursive;
}

// What was written as data is to be executed.
void synchronize_caches(GuestRange code) {
  std::uint64_t cache_type = 0;
  asm volatile("mrs %0, ctr_el0" : "=r"(cache_type));
  const std::uint64_t line = std::uint64_t{4} << (cache_type >> 16 & 0xf);
  for (auto at = code.start.value & ~(line - 1); at < code.end.value; at += line) {
    asm volatile("dc cvau, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb ish; ic iallu; dsb ish; isb" : : : "memory");
}

auto gib_of(GuestAddress address) -> GuestRange {
  const auto start = address.value & ~(kGib - 1);
  return {{start}, {start + kGib}};
}

}  // namespace

void loader_main(std::uint64_t given_device_tree) {
  aarch64::set_console(kUsualConsole);
  Arena arena{arena_memory};
  PageTables tables{kPagesOfAarch64, PageTables::Largest::k1Gib, page_map, arena};
  const auto memory = PhysicalMemory::identity_mapped(kMappableEnd);
  const GuestAddress at = given_device_tree != 0 ? GuestAddress{given_device_tree} : kUsualDeviceTree;
  if (!tables.map(gib_of(at), kAll)) fail("the device tree lies beyond what the loader maps");
  const auto tree = tree_or_fail(memory, at);
  const auto console = find_device(tree.tree, "arm,pl011").value_or(kUsualConsole);
  if (gib_of(console).start.value == 0) aarch64::set_console(console);
  value_or_fail(read_device_tree(tree.tree, handover));
  for (const auto range : handover.memory.ram()) {
    if (!tables.map(range, kAll)) fail("there is no room for page tables");
  }

  const GuestRange loader{address_of(loader_start), address_of(loader_end)};
  const auto boot = boot_by_device_tree(memory, tree, handover, loader, kConsoleOfKernels.value, arena);
  synchronize_caches(boot.image.kernel.image);
  make_kernel_tables(boot, console, loader, arena);
  log_entry(boot.image, boot.stack.data(), boot.boot_info);
  use_page_map(&kernel_page_map);
  aarch64::set_console(kConsoleOfKernels);
  enter_kernel(boot.boot_info, 0, boot.image.kernel.entry_point.value, boot.stack.data());
}
