// From UEFI firmware to a kernel, on x86_64.
#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/loader/arch/x86_64/pc.hpp"
#include "hermitage/loader/arch/x86_64/pc_device_tree.hpp"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/command_line.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/log.hpp"
#include "hermitage/loader/platform/uefi/firmware.hpp"
#include "hermitage/loader/platform/uefi/uefi.hpp"

using namespace hermitage::loader;  // NOLINT(google-build-using-namespace)

extern "C" {
[[noreturn]] void enter_kernel(const void* boot_info, std::uint32_t cpu, std::uint64_t entry_point, const void* stack);
[[noreturn]] void efi_main(uefi::Handle handle, uefi::SystemTable* system);
}

namespace {

constexpr std::uint64_t kMib = 1 << 20;

constinit Handover handover{};
constinit uefi::SystemTable* firmware = nullptr;

// What the kernel is left with; the firmware tells it to nobody as free memory.
alignas(4096) constinit std::array<std::byte, 256 << 10> arena_memory{};

auto loaded_image_or_fail(uefi::Handle handle) -> const uefi::LoadedImage& {
  void* interface = nullptr;
  if (firmware->boot_services->handle_protocol(handle, &uefi::kLoadedImageProtocol, &interface) != uefi::kSuccess) {
    fail("the firmware does not tell where the loader was started from");
  }
  return *static_cast<const uefi::LoadedImage*>(interface);
}

// The load options as a text, in the arena: empty when they are none that a command line could be.
auto load_options(const uefi::LoadedImage& loaded, Arena& arena) -> std::string_view {
  const std::size_t count = loaded.load_options_size / sizeof(char16_t);
  if (loaded.load_options == nullptr || count == 0 || count > kLongestCommandLine) return {};
  const auto room = allocate_or_fail(arena, count, 1, "the command line");
  std::size_t size = 0;
  for (; size < count && loaded.load_options[size] != 0; ++size) {
    const auto character = loaded.load_options[size];
    if (character < ' ' || character > '~') return {};
    room[size] = static_cast<std::byte>(character);
  }
  return {reinterpret_cast<const char*>(room.data()), size};
}

auto read_first(const uefi::LoadedImage& loaded, std::array<const char16_t*, 2> paths) -> std::optional<GuestRange> {
  for (const auto* const path : paths) {
    if (const auto file = value_or_fail(uefi::read_file(*firmware, loaded, path))) return file;
  }
  return std::nullopt;
}

auto text_of(GuestRange file) -> std::string_view {
  std::string_view text{reinterpret_cast<const char*>(file.start.value), size_of(file)};
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

// Firmware for QEMU says with a word at the beginning of the load options, or at their end, that there is an initial
// ramdisk. Returns the options without it.
auto without_initrd(std::string_view options) -> std::optional<std::string_view> {
  constexpr std::string_view kFirst = "initrd=initrd";
  constexpr std::string_view kLast = " initrd=initrd";
  if (options.starts_with(kFirst)) {
    options.remove_prefix(kFirst.size());
  } else if (options.ends_with(kLast)) {
    options.remove_suffix(kLast.size());
  } else {
    return std::nullopt;
  }
  return options;
}

// The image and the command line: of QEMU's -initrd and -append, or from files beside the loader.
void find_image(const uefi::LoadedImage& loaded, Arena& arena) {
  handover.command_line = load_options(loaded, arena);
  if (const auto options = without_initrd(handover.command_line)) {
    handover.command_line = *options;
    handover.image = value_or_fail(uefi::read_file(*firmware, loaded, u"initrd"));
  }
  if (!handover.image) handover.image = read_first(loaded, {u"\\EFI\\hermit\\hermit-app", u"\\EFI\\BOOT\\hermit-app"});
  if (!has_words(handover.command_line)) {
    const auto file = read_first(loaded, {u"\\EFI\\hermit\\hermit-bootargs", u"\\EFI\\BOOT\\hermit-bootargs"});
    if (file) handover.command_line = text_of(*file);
  }
  handover.has_arguments = has_words(handover.command_line);
}

}  // namespace

void efi_main(uefi::Handle handle, uefi::SystemTable* system) {
  firmware = system;
  uefi::set_firmware(*system);
  system->boot_services->set_watchdog_timer(0, 0, 0, nullptr);
  const auto& loaded = loaded_image_or_fail(handle);
  Arena arena{arena_memory};
  find_image(loaded, arena);
  const auto command_line = take_command_line(handover, arena);
  const auto loader_start = address_of(loaded.image_base);
  log_start("UEFI", {loader_start, loader_start + loaded.image_size});
  value_or_fail(uefi::read_memory_map(*system, handover.memory));
  log_handover(handover);
  if (!handover.image) {
    fail("there is no image: put it on the EFI system partition, as \\EFI\\hermit\\hermit-app");
  }

  const auto end = handover.memory.ram_end();
  const auto image = value_or_fail(
      load_kernel(PhysicalMemory::identity_mapped(end), handover.memory, *handover.image,
                  {.bounds = {{2 * kMib}, end}, .alignment = 2 * kMib, .claim = [](GuestRange place) noexcept {
                     return uefi::allocate_at(*firmware, place);
                   }}));
  if (!image.object.hermit_version()) fail("kernels before 0.10 know nothing of UEFI; start this one by another way");

  auto rsdp = uefi::find_table(*system, uefi::kAcpi2Table);
  if (!rsdp) rsdp = uefi::find_table(*system, uefi::kAcpi1Table);
  const auto blob = uefi::find_table(*system, uefi::kConfidentialComputingBlob);
  const auto stack = allocate_or_fail(arena, kBootStackSize, 4096, "the stack");
  LogLine{LogLevel::info}
      .text("Entering kernel at ")
      .address(image.kernel.entry_point)
      .text(", stack at ")
      .address(address_of(stack.data()));

  value_or_fail(uefi::exit_boot_services(*system, handle, handover.memory));
  const auto device_tree = write_pc_device_tree({.platform = "hermit,uefi",
                                                 .ram = handover.memory.ram(),
                                                 .command_line = command_line,
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
