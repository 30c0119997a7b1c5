// The loader for aarch64 of either byte order: starts a kernel on QEMU's machine `virt`, or from firmware that
// resembles it.
#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/loader/arch/aarch64/kernel_tables.hpp"
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
// The address of the device tree on QEMU's machine `virt`, which does not pass it to an ELF file.
constexpr GuestAddress kUsualDeviceTree{0x4000'0000};
constexpr GuestAddress kUsualConsole{0x0900'0000};
// The limit of page tables with four levels.
constexpr GuestAddress kMappableEnd{std::uint64_t{1} << 47};

constinit Handover handover{};

// Memory for data that the kernel uses after the loader.
alignas(kPageTableSize) constinit std::array<std::byte, 1 << 20> arena_memory{};

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
  if (!tables.map(gib_of(at), kAll)) fail("the device tree is outside of the memory that the loader maps");
  const auto tree = tree_or_fail(memory, at);
  const auto console = find_device(tree.tree, "arm,pl011").value_or(kUsualConsole);
  if (gib_of(console).start.value == 0) aarch64::set_console(console);
  value_or_fail(read_device_tree(tree.tree, handover));
  for (const auto range : handover.memory.ram()) {
    if (!tables.map(range, kAll)) fail("out of memory for page tables");
  }

  const GuestRange loader{address_of(loader_start), address_of(loader_end)};
  const auto boot = boot_by_device_tree(memory, tree, handover, loader, aarch64::kConsoleOfKernels.value, arena);
  aarch64::synchronize_caches(boot.image.kernel.image);
  const ProtectedRange others[] = {
      {loader, kReadWrite},
      {{loader.start, address_of(loader_text_end)}, kReadExecute},
      {boot.device_tree, kReadWrite},
  };
  const auto* const kernel_page_map = aarch64::make_kernel_tables(boot.image, others, console, arena);
  log_entry(boot.image, boot.stack.data(), boot.boot_info);
  use_page_map(kernel_page_map);
  aarch64::set_console(aarch64::kConsoleOfKernels);
  enter_kernel(boot.boot_info, 0, boot.image.kernel.entry_point.value, boot.stack.data());
}
