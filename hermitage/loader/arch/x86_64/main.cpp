// From one of three protocols to a kernel, on x86_64 without UEFI.
#include <array>
#include <cpuid.h>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/loader/arch/x86_64/page_tables.hpp"
#include "hermitage/loader/arch/x86_64/pc.hpp"
#include "hermitage/loader/arch/x86_64/protocol.h"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/boot_stack.hpp"
#include "hermitage/loader/command_line.hpp"
#include "hermitage/loader/device_tree_writer.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/log.hpp"
#include "hermitage/loader/platform/linux_boot/linux_boot.hpp"
#include "hermitage/loader/platform/multiboot/multiboot.hpp"
#include "hermitage/loader/platform/pvh/pvh.hpp"
#include "hermitage/loader/protection.hpp"

using namespace hermitage::loader;  // NOLINT(google-build-using-namespace)
using hermitage::entry::BootInfo;
using hermitage::entry::CommandLine;

extern "C" {
extern std::byte loader_start[];
extern std::byte loader_text_end[];
extern std::byte loader_end[];
extern x86_64::PageTable page_map;
[[noreturn]] void enter_kernel(const void* boot_info, std::uint32_t cpu, std::uint64_t entry_point, const void* stack);
[[noreturn]] void loader_main(std::uint32_t protocol, std::uint64_t info, std::uint32_t magic);
}

namespace {

constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint64_t kGib = 1 << 30;
// Kernels find the tables of the first MiB themselves, and start other processors there.
constexpr GuestRange kFirstMib{{0}, {kMib}};
// What start.S maps.
constexpr GuestAddress kMappedAtStart{kGib};
// Four levels of tables.
constexpr GuestAddress kMappableEnd{std::uint64_t{1} << 47};

constinit Handover handover{};

// What the kernel is left with. Half of it is page tables enough for 128 GiB, where a processor has no pages of 1 GiB.
alignas(x86_64::kPageTableSize) constinit std::array<std::byte, 768 << 10> arena_memory{};

auto address_of(const void* pointer) -> GuestAddress {
  return {reinterpret_cast<std::uintptr_t>(pointer)};
}

auto has_pages_of_1_gib() -> bool {
  constexpr unsigned kLeaf = 0x8000'0001;
  constexpr unsigned kPages1Gib = 1 << 26;  // edx
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid(kLeaf, &eax, &ebx, &ecx, &edx) != 0 && (edx & kPages1Gib) != 0;
}

void flush_address_translations() {
  std::uint64_t root = 0;
  asm volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root) : : "memory");
}

template <class T>
auto value_or_fail(Result<T> result) -> T {
  if (!result) fail(result.error());
  if constexpr (!std::is_void_v<T>) return *result;
}

template <class T>
auto allocate_or_fail(std::optional<T> piece, std::string_view sentence) -> T {
  if (!piece) fail(sentence);
  return *piece;
}

// The parts of the protocols that differ: reading what they tell, and telling a kernel of them.
struct Protocol {
  std::string_view name;
  std::string_view root;  // of the device tree: "hermit,…"
  Result<void> (*read)(const PhysicalMemory&, GuestAddress, Handover&) noexcept;
};

constexpr std::array<Protocol, 3> kProtocols{{{"Multiboot", "hermit,multiboot", read_multiboot},
                                              {"PVH", "hermit,multiboot", read_pvh},
                                              {"Linux boot", "hermit,linux", read_linux_boot}}};

void log_handover() {
  for (const auto range : handover.memory.ram()) LogLine{LogLevel::info}.text("Memory: ").range(range);
  if (handover.image) {
    LogLine{LogLevel::info}.text("Image: ").range(*handover.image).text(", ").decimal(size_of(*handover.image)).text(
        " bytes");
  }
  LogLine{LogLevel::info}.text("Command line: ").text(handover.command_line);
}

// The kernel's command line: a copy without the loader's own words.
auto take_command_line(Arena& arena) -> std::string_view {
  const auto line = handover.command_line;
  const auto room = arena.allocate(line.size() + 1, 1);
  if (room.empty()) fail("there is no room for the command line");
  auto* const text = reinterpret_cast<char*>(room.data());
  LoaderOptions options;
  const auto size = split_command_line(line, {text, line.size()}, options);
  text[size] = '\0';
  if (options.log_level) set_log_level(*options.log_level);
  if (!options.unknown.empty()) LogLine{LogLevel::warn}.text("Unknown option ").text(options.unknown);
  return {text, size};
}

auto write_device_tree(Arena& arena, std::string_view root, std::string_view command_line) -> GuestAddress {
  constexpr std::size_t kRoomForRange = 80;
  const auto size = 1024 + 2 * command_line.size() + handover.memory.ram().size() * kRoomForRange;
  DeviceTreeWriter writer{arena.allocate(size, 8)};
  writer.begin_node("");
  writer.property_text("compatible", {root});
  writer.property_u32("#address-cells", 2);
  writer.property_u32("#size-cells", 2);
  for (const auto range : handover.memory.ram()) {
    writer.begin_node("memory", range.start.value);
    writer.property_text("device_type", {"memory"});
    writer.property_u64s("reg", {range.start.value, size_of(range)});
    writer.end_node();
  }
  if (handover.rsdp) {
    writer.begin_node("hermit,rsdp", handover.rsdp->value);
    writer.property_u64s("reg", {handover.rsdp->value, 1});
    writer.end_node();
  }
  writer.begin_node("chosen");
  writer.property_text("bootargs", {command_line});
  writer.end_node();
  writer.end_node();
  const auto tree = allocate_or_fail(writer.finish(), "there is no room for the device tree");
  LogLine{LogLevel::info}.text("Device tree: ").address(address_of(tree.data())).text(", ").decimal(tree.size()).text(
      " bytes");
  return address_of(tree.data());
}

// Kernels before 0.11 find their page tables by an entry of the tables that points to themselves, take for
// their heap what addresses lie behind them, map the firmware's tables in the first MiB themselves, and find none of these
// mapped already.
auto is_of_old(const hermitage::entry::KernelObject& kernel) -> bool {
  const auto version = kernel.hermit_version();
  return !version || (version->major == 0 && version->minor < 11);
}

auto platform_info(std::uint32_t protocol, GuestAddress info, std::string_view command_line,
                   const hermitage::entry::KernelObject& kernel, Arena& arena) -> hermitage::entry::PlatformInfo {
  const CommandLine line{address_of(command_line.data()), command_line.size()};
  if (protocol == PROTOCOL_LINUX) {
    return hermitage::entry::LinuxBootParamsPlatform{.command_line = line, .boot_params = info};
  }
  if (protocol == PROTOCOL_PVH || is_of_old(kernel)) {
    info = allocate_or_fail(write_multiboot(arena, handover.memory, command_line),
                            "there is no room for the Multiboot information");
  }
  return hermitage::entry::MultibootPlatform{.command_line = line, .multiboot_info = info};
}

void map_as_of_old(x86_64::PageTables& tables, const LoadedImage& image, GuestAddress end) {
  const auto kernel_end = hermitage::entry::checked_align_up(image.kernel.image.end.value, 2 * kMib);
  if (!kernel_end || !tables.unmap(kFirstMib) || !tables.unmap({{*kernel_end}, end})) {
    fail("there is no room for page tables");
  }
  tables.map_recursively();
}

// Kernels of today make no difference between how memory is mapped, as long as it is. They start other processors in the
// first MiB, which stays executable; what else is written is not executed.
void protect(x86_64::PageTables& tables, const LoadedImage& image, GuestAddress end) {
  const Protection protection{image.object, image.kernel.image.start};
  bool is_mapped = tables.map({{kMib}, end}, kReadWrite);
  is_mapped &= tables.map({address_of(loader_start), address_of(loader_text_end)}, kReadExecute);
  for (const auto& part : protection.ranges()) is_mapped &= tables.map(part.range, part.access);
  if (!is_mapped) fail("there is no room for page tables");
}

}  // namespace

void loader_main(std::uint32_t protocol_number, std::uint64_t info, std::uint32_t magic) {
  x86_64::set_up_machine();
  if (protocol_number == PROTOCOL_MULTIBOOT && magic != kMultibootMagic) {
    fail("the loader was started by an unknown protocol");
  }
  const auto& protocol = kProtocols[protocol_number];
  value_or_fail(protocol.read(PhysicalMemory::identity_mapped(kMappedAtStart), {info}, handover));

  Arena arena{arena_memory};
  const auto command_line = take_command_line(arena);
  LogLine{LogLevel::info}.text("Hermitage loader " HERMITAGE_VERSION " for x86_64, started by ").text(protocol.name);
  const GuestRange loader{address_of(loader_start), address_of(loader_end)};
  LogLine{LogLevel::info}.text("Loader: ").range(loader);
  log_handover();
  if (!handover.memory.reserve(kFirstMib) || !handover.memory.reserve(loader)) {
    fail("the memory map has too many parts");
  }
  if (!handover.image) fail("there is no image: pass it as the first module (QEMU: -initrd IMAGE)");

  // All of it, however large it is: the image may be anywhere, and the kernel wants it so.
  auto end = handover.memory.ram_end();
  if (end < kMappedAtStart) end = kMappedAtStart;
  if (kMappableEnd < end) end = kMappableEnd;
  x86_64::PageTables tables{page_map, arena, has_pages_of_1_gib()};
  if (!tables.map({kMappedAtStart, end}, kAll)) fail("there is no room for page tables");

  const auto image = value_or_fail(load_kernel(PhysicalMemory::identity_mapped(end), handover.memory, *handover.image,
                                               {.bounds = {loader.end, end}, .alignment = 2 * kMib}));
  const auto device_tree = write_device_tree(arena, protocol.root, command_line);
  const BootInfo boot_info{.hardware = {.serial_port_base = x86_64::kSerialPort, .device_tree = device_tree},
                           .load = {.kernel_image = image.kernel.image, .tls = image.kernel.tls},
                           .platform = platform_info(protocol_number, {info}, command_line, image.object, arena)};
  const auto raw_boot_info = boot_info.encode(image.object.arch(), image.object.endian());
  if (!raw_boot_info) fail(raw_boot_info.error().message());
  const auto boot_info_room = arena.allocate(raw_boot_info->size(), hermitage::entry::kRawBootInfoAlignment);
  const auto stack = arena.allocate(kBootStackSize, kBootStackAlignment);
  if (boot_info_room.empty() || stack.empty()) fail("there is no room for the boot information and the stack");
  std::memcpy(boot_info_room.data(), raw_boot_info->data(), raw_boot_info->size());

  if (is_of_old(image.object)) {
    map_as_of_old(tables, image, end);
  } else {
    protect(tables, image, end);
  }
  flush_address_translations();
  LogLine{LogLevel::info}
      .text("Entering kernel at ")
      .address(image.kernel.entry_point)
      .text(", stack at ")
      .address(address_of(stack.data()))
      .text(", boot info at ")
      .address(address_of(boot_info_room.data()));
  enter_kernel(boot_info_room.data(), 0, image.kernel.entry_point.value, stack.data());
}
