// The loader for x86_64 with UEFI: starts a kernel from firmware.
#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/loader/arch/x86_64/pc.hpp"
#include "hermitage/loader/arch/x86_64/pc_device_tree.hpp"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/platform/uefi/find_image.hpp"
#include "hermitage/loader/platform/uefi/firmware.hpp"
#include "hermitage/loader/platform/uefi/uefi.hpp"

using namespace hermitage::loader;  // NOLINT(google-build-using-namespace)

extern "C" {
[[noreturn]] void enter_kernel(const void* boot_info, std::uint32_t cpu, std::uint64_t entry_point, const void* stack);
[[noreturn]] void efi_main(uefi::Handle handle, uefi::SystemTable* system);
}

namespace {

constexpr std::uint64_t kMib = 1 << 20;
// The firmware identity-maps all memory.
constexpr GuestAddress kMappedEnd{std::uint64_t{1} << 47};

constinit Handover handover{};
constinit uefi::SystemTable* firmware = nullptr;

// Memory for data that the kernel uses after the loader. The firmware does not report it as free memory.
alignas(4096) constinit std::array<std::byte, 256 << 10> arena_memory{};

auto take_pages(GuestRange place) noexcept -> bool {
  return uefi::allocate_at(*firmware, place);
}

}  // namespace

void efi_main(uefi::Handle handle, uefi::SystemTable* system) {
  firmware = system;
  const auto& loaded = uefi::begin_or_fail(*system, handle);
  Arena arena{arena_memory};
  uefi::find_image(*system, loaded, handover, arena);
  const auto user_line = take_command_line(handover, arena);
  const auto loader_start = address_of(loaded.image_base);
  log_start("UEFI", {loader_start, loader_start + loaded.image_size});
  value_or_fail(uefi::read_memory_map(*system, handover.memory));
  log_handover(handover);
  if (!handover.image) {
    fail("no image: put it on the EFI system partition, as \\EFI\\hermit\\hermit-app");
  }

  const auto memory = PhysicalMemory::identity_mapped(kMappedEnd);
  const PlacementRules rules{
      .bounds = {{2 * kMib}, handover.memory.ram_end()}, .alignment = 2 * kMib, .claim = take_pages};
  const auto [opened, image] = load_or_fail(memory, handover, user_line, rules, arena);
  if (!image.object.hermit_version())
    fail("kernels before 0.10 do not support UEFI; boot this one with Multiboot or PVH");

  auto rsdp = uefi::find_table(*system, uefi::kAcpi2Table);
  if (!rsdp) rsdp = uefi::find_table(*system, uefi::kAcpi1Table);
  const auto blob = uefi::find_table(*system, uefi::kConfidentialComputingBlob);
  const auto stack = allocate_or_fail(arena, kBootStackSize, 4096, "the stack");
  log_entry(image, stack.data(), nullptr);

  value_or_fail(uefi::exit_boot_services(*system, handle, handover.memory));
  const auto device_tree = write_pc_device_tree({.platform = "hermit,uefi",
                                                 .ram = handover.memory.ram(),
                                                 .command_line = opened.command_line,
                                                 .archive = opened.archive,
                                                 .rsdp = rsdp,
                                                 .confidential_computing_blob = blob},
                                                arena);
  const hermitage::entry::BootInfo boot_info{
      .hardware = {.serial_port_base = x86_64::kSerialPort, .device_tree = device_tree},
      .load = {.kernel_image = image.kernel.image, .tls = image.kernel.tls},
      .platform = hermitage::entry::FdtPlatform{}};
  const auto* const raw_boot_info = place_boot_info(boot_info, image.object, arena);
  enter_kernel(raw_boot_info, 0, image.kernel.entry_point.value, stack.data());
}
