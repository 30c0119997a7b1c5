// The loader for x86_64 without UEFI: starts a kernel from one of three protocols.
#include <cpuid.h>
#include <array>
#include <cstddef>
#include <cstdint>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/loader/arch/x86_64/pc.hpp"
#include "hermitage/loader/arch/x86_64/pc_device_tree.hpp"
#include "hermitage/loader/arch/x86_64/protocol.h"
#include "hermitage/loader/arena.hpp"
#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/failure.hpp"
#include "hermitage/loader/handover.hpp"
#include "hermitage/loader/kernel.hpp"
#include "hermitage/loader/log.hpp"
#include "hermitage/loader/page_tables.hpp"
#include "hermitage/loader/platform/linux_boot/linux_boot.hpp"
#include "hermitage/loader/platform/multiboot/multiboot.hpp"
#include "hermitage/loader/platform/pvh/pvh.hpp"
#include "hermitage/loader/protection.hpp"

using namespace hermitage::loader;  // NOLINT(google-build-using-namespace)
using hermitage::entry::BootInfo;

extern "C" {
extern std::byte loader_start[];
extern std::byte loader_text_end[];
extern std::byte loader_end[];
extern PageTable page_map;
[[noreturn]] void enter_kernel(const void* boot_info, std::uint32_t cpu, std::uint64_t entry_point, const void* stack);
[[noreturn]] void loader_main(std::uint32_t protocol, std::uint64_t info, std::uint32_t magic);
}

namespace {

constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint64_t kGib = 1 << 30;
// Kernels find the firmware's tables in the first MiB, and start other processors there.
constexpr GuestRange kFirstMib{{0}, {kMib}};
// The range that start.S maps. Only the first 2 MiB are executable, which contain the loader.
constexpr GuestAddress kMappedAtStart{kGib};
// The limit of page tables with four levels.
constexpr GuestAddress kMappableEnd{std::uint64_t{1} << 47};

constinit Handover handover{};

// Memory for data that the kernel uses after the loader. Half of it suffices for page tables for 128 GiB on a
// processor without pages of 1 GiB.
alignas(kPageTableSize) constinit std::array<std::byte, 768 << 10> arena_memory{};

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

// The differences between the protocols: reading their information, and describing them to a kernel.
struct Protocol {
  std::string_view name;
  std::string_view root;  // of the device tree: "hermit,…"
  Result<void> (*read)(const PhysicalMemory&, GuestAddress, Handover&) noexcept;
};

constexpr std::array<Protocol, 3> kProtocols{{{"Multiboot", "hermit,multiboot", read_multiboot},
                                              {"PVH", "hermit,multiboot", read_pvh},
                                              {"Linux boot", "hermit,linux", read_linux_boot}}};

// The original loader states all physical addresses only for the Linux boot protocol.
auto physical_addresses(std::uint32_t protocol) -> GuestRange {
  if (protocol != PROTOCOL_LINUX) return {};
  const auto ram = handover.memory.ram();
  const auto start = ram.front().start.value != 0 || ram.size() == 1 ? ram.front().start : ram[1].start;
  return {start, ram.back().end};
}

// Kernels before 0.11 find their page tables by an entry that points to its own table. They use the addresses after
// them for their heap. They map the firmware's tables in the first MiB themselves, and none of these may be mapped
// before.
auto is_of_old(const hermitage::entry::KernelObject& kernel) -> bool {
  const auto version = kernel.hermit_version();
  return !version || (version->major == 0 && version->minor < 11);
}

auto platform_info(std::uint32_t protocol, GuestAddress info, std::string_view command_line,
                   const hermitage::entry::KernelObject& kernel, Arena& arena) -> hermitage::entry::PlatformInfo {
  const hermitage::entry::CommandLine line{address_of(command_line.data()), command_line.size()};
  if (protocol == PROTOCOL_LINUX) {
    return hermitage::entry::LinuxBootParamsPlatform{.command_line = line, .boot_params = info};
  }
  if (protocol == PROTOCOL_PVH || is_of_old(kernel)) {
    info = room_or_fail(write_multiboot(arena, handover.memory, command_line), "the Multiboot information");
  }
  return hermitage::entry::MultibootPlatform{.command_line = line, .multiboot_info = info};
}

void map_as_of_old(PageTables& tables, const LoadedImage& image, GuestAddress end) {
  constexpr std::uint64_t kPage = 2 * kMib;
  const GuestAddress kernel_start{image.kernel.image.start.value & ~(kPage - 1)};
  const auto kernel_end = hermitage::entry::checked_align_up(image.kernel.image.end.value, kPage);
  if (!kernel_end || !tables.map({kernel_start, {*kernel_end}}, kAll) || !tables.unmap(kFirstMib) ||
      !tables.unmap({{*kernel_end}, end})) {
    fail("out of memory for page tables");
  }
  page_map.back() = address_of(&page_map).value | kPagesOfX86_64.table;
}

// Current kernels work with any permissions of mapped memory. They start other processors in the first MiB, which
// stays executable. Other writable memory is not executable. Read-only memory is executable, as on aarch64, where
// kernels need this.
void protect(PageTables& tables, const LoadedImage& image) {
  const Protection protection{image.object, image.kernel.image.start};
  bool is_mapped = tables.map({{kMib}, {2 * kMib}}, kReadWrite);
  is_mapped &= tables.map({address_of(loader_start), address_of(loader_text_end)}, kReadExecute);
  for (const auto& [range, access] : protection.ranges()) {
    is_mapped &= tables.map(range, access.write ? access : kReadExecute);
  }
  if (!is_mapped) fail("out of memory for page tables");
}

}  // namespace

void loader_main(std::uint32_t protocol_number, std::uint64_t info, std::uint32_t magic) {
  x86_64::set_up_machine();
  if (protocol_number == PROTOCOL_MULTIBOOT && magic != kMultibootMagic) {
    fail("unknown boot protocol");
  }
  const auto& protocol = kProtocols[protocol_number];
  value_or_fail(protocol.read(PhysicalMemory::identity_mapped(kMappedAtStart), {info}, handover));

  Arena arena{arena_memory};
  const auto user_line = take_command_line(handover, arena);
  const GuestRange loader{address_of(loader_start), address_of(loader_end)};
  log_start(protocol.name, loader);
  log_handover(handover);
  check_image_or_fail(handover);
  reserve_or_fail(handover.memory, kFirstMib);
  reserve_or_fail(handover.memory, loader);

  // Map all of RAM, whatever its size: the image can be anywhere, and the kernel requires it. Tables of ACPI are
  // often directly after RAM, and whole pages of 2 MiB include them.
  GuestAddress end{(handover.memory.ram_end().value + 2 * kMib - 1) & ~(2 * kMib - 1)};
  if (end < kMappedAtStart) end = kMappedAtStart;
  if (kMappableEnd < end) end = kMappableEnd;
  const auto largest = has_pages_of_1_gib() ? PageTables::Largest::k1Gib : PageTables::Largest::k2Mib;
  PageTables tables{kPagesOfX86_64, largest, page_map, arena};
  if (!tables.map({kMappedAtStart, end}, kReadWrite)) fail("out of memory for page tables");

  const auto memory = PhysicalMemory::identity_mapped(end);
  const PlacementRules rules{.bounds = {loader.end, end}, .alignment = 2 * kMib};
  const auto [opened, image] = load_or_fail(memory, handover, user_line, rules, arena);
  const auto command_line = opened.command_line;
  const auto device_tree = write_pc_device_tree({.platform = protocol.root,
                                                 .ram = handover.memory.ram(),
                                                 .command_line = command_line,
                                                 .archive = opened.archive,
                                                 .rsdp = handover.rsdp},
                                                arena);
  const BootInfo boot_info{.hardware = {.phys_addr_range = physical_addresses(protocol_number),
                                        .serial_port_base = x86_64::kSerialPort,
                                        .device_tree = device_tree},
                           .load = {.kernel_image = image.kernel.image, .tls = image.kernel.tls},
                           .platform = platform_info(protocol_number, {info}, command_line, image.object, arena)};
  const auto* const raw_boot_info = place_boot_info(boot_info, image.object, arena);
  const auto stack = allocate_or_fail(arena, kBootStackSize, 4096, "the stack");

  if (is_of_old(image.object)) {
    map_as_of_old(tables, image, end);
  } else {
    protect(tables, image);
  }
  flush_address_translations();
  log_entry(image, stack.data(), raw_boot_info);
  x86_64::drain_console();
  enter_kernel(raw_boot_info, 0, image.kernel.entry_point.value, stack.data());
}
