// The loader for aarch64 with UEFI: starts a kernel from firmware. Kernels for aarch64 need a device tree, which the
// firmware must provide.
#include <cstddef>
#include <cstdint>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/loader/arch/aarch64/kernel_tables.hpp"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/device_tree.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/platform/device_tree/boot_by_device_tree.hpp"
#include "hermitage/loader/platform/device_tree/read_device_tree.hpp"
#include "hermitage/loader/platform/uefi/find_image.hpp"
#include "hermitage/loader/platform/uefi/firmware.hpp"
#include "hermitage/loader/platform/uefi/uefi.hpp"

using namespace hermitage::loader;  // NOLINT(google-build-using-namespace)

extern "C" {
[[noreturn]] void enter_kernel_by(const PageTable* page_map, const void* boot_info, std::uint64_t entry_point,
                                  const void* stack);
[[noreturn]] void efi_main(uefi::Handle handle, uefi::SystemTable* system);
}

namespace {

constexpr std::uint64_t kMib = 1 << 20;
// Memory for data that the kernel uses after the loader: page tables, stack, and device tree.
constexpr std::uint64_t kArenaSize = 2 * kMib;
// The firmware identity-maps all memory.
constexpr GuestAddress kMappedEnd{std::uint64_t{1} << 47};

constinit Handover handover{};
constinit uefi::SystemTable* firmware = nullptr;

auto take_pages(GuestRange place) noexcept -> bool {
  return uefi::allocate_at(*firmware, place);
}

// The lowest free memory: kernels use all memory after their own end, and the arena must be before them.
auto arena_range_or_fail() -> GuestRange {
  const auto place = handover.memory.find(kArenaSize, 2 * kMib, {{0}, kMappedEnd});
  if (!place || !take_pages(*place)) fail("out of memory for the loader's tables");
  reserve_or_fail(handover.memory, *place);
  return *place;
}

// Kernels before 0.13 use all memory in the range of the boot info, and search for no other.
auto ram_of_kernel(GuestRange kernel) -> GuestRange {
  for (const auto range : handover.memory.ram()) {
    if (contains(range, kernel)) return range;
  }
  return kernel;
}

void add_pages_of(GuestRange range) {
  const auto end = (range.end.value + 4095) & ~std::uint64_t{4095};
  if (!handover.memory.add_ram({range.start, {end}})) fail("the memory map has too many ranges");
}

auto tree_of_firmware_or_fail(const PhysicalMemory& memory) -> FlattenedTree {
  const auto at = uefi::find_table(*firmware, uefi::kDeviceTreeTable);
  if (!at) fail("the firmware provides no device tree, which kernels need (QEMU: -machine virt,acpi=off)");
  return tree_or_fail(memory, *at);
}

}  // namespace

void efi_main(uefi::Handle handle, uefi::SystemTable* system) {
  firmware = system;
  const auto& loaded = uefi::begin_or_fail(*system, handle);
  const auto memory = PhysicalMemory::identity_mapped(kMappedEnd);
  value_or_fail(uefi::read_memory_map(*system, handover.memory));
  const auto arena_range = arena_range_or_fail();
  Arena arena{*memory.bytes(arena_range)};
  uefi::find_image(*system, loaded, handover, arena);
  const auto user_line = take_command_line(handover, arena);
  const GuestRange loader{address_of(loaded.image_base), address_of(loaded.image_base) + loaded.image_size};
  log_start("UEFI", loader);
  // The memory of the image is not free any more.
  handover.memory = {};
  value_or_fail(uefi::read_memory_map(*system, handover.memory));
  log_handover(handover);
  const auto tree = tree_of_firmware_or_fail(memory);
  if (!handover.image) {
    fail("no image: put it on the EFI system partition, as \\EFI\\hermit\\hermit-app");
  }

  const PlacementRules rules{
      .bounds = {arena_range.end, handover.memory.ram_end()}, .alignment = 2 * kMib, .claim = take_pages};
  const auto [opened, image] = load_or_fail(memory, handover, user_line, rules, arena);
  aarch64::synchronize_caches(image.kernel.image);
  const auto console = find_device(tree.tree, "arm,pl011");
  if (!console) fail("the device tree has no console that kernels support");
  const ProtectedRange others[] = {{arena_range, kReadWrite}, {loader, kReadExecute}};
  const auto* const page_map = aarch64::make_kernel_tables(image, others, *console, arena);
  const auto stack = allocate_or_fail(arena, kBootStackSize, 4096, "the stack");
  const auto tree_room = allocate_or_fail(arena, arena.rest() / 2, 8, "the device tree");
  log_entry(image, stack.data(), nullptr);

  value_or_fail(uefi::exit_boot_services(*system, handle, handover.memory));
  // The pages of the kernel and of the archive are not conventional memory of the firmware, but the kernel's RAM
  // includes them.
  add_pages_of(image.kernel.image);
  if (opened.archive) add_pages_of(*opened.archive);
  const DeviceTreeEdit edit{.bootargs = opened.command_line, .initrd = opened.archive, .ram = handover.memory.ram()};
  const auto device_tree = room_or_fail(copy_device_tree(tree.tree, edit, tree_room), "the device tree");
  const hermitage::entry::BootInfo boot_info{.hardware = {.phys_addr_range = ram_of_kernel(image.kernel.image),
                                                          .serial_port_base = aarch64::kConsoleOfKernels.value,
                                                          .device_tree = address_of(device_tree.data())},
                                             .load = {.kernel_image = image.kernel.image, .tls = image.kernel.tls},
                                             .platform = hermitage::entry::FdtPlatform{}};
  const auto* const raw_boot_info = place_boot_info(boot_info, image.object, arena);
  enter_kernel_by(page_map, raw_boot_info, image.kernel.entry_point.value, stack.data());
}
