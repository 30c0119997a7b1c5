// Makes a memory image of a kernel that is loaded and ready to be entered, for QEMU's -kernel:
//
//     bare_machine_image TRAMPOLINE KERNEL IMAGE [BOOTARGS]
//
// It does at build time what a boot loader does at run time: with the core, it loads the kernel and encodes its boot
// info.
//
//     0x0000  trampoline: the first instructions, which bring the machine into the state that kernels expect
//     0x0800  for it, little endian: the entry point; then 1 when data is big endian, else 0
//     0x1000  boot info
//     0x1800  command line (x86_64)
//     0x2000  device tree
//     0x4000  page tables
//     0x8000  boot stack, 0x8000 bytes
//     0x10000 the kernel, if relocatable; otherwise where it wants to be
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <libfdt.h>

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "testing/images.hpp"

namespace {

using namespace hermitage::entry;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kEntryAt = 0x800;
constexpr std::size_t kBigEndianAt = 0x808;
constexpr std::size_t kBootInfoAt = 0x1000;
constexpr std::size_t kCommandLineAt = 0x1800;
constexpr std::size_t kDeviceTreeAt = 0x2000;
constexpr std::size_t kPageTablesAt = 0x4000;
constexpr std::size_t kBootStackAt = 0x8000;
constexpr std::size_t kKernelAt = 0x10000;
constexpr std::uint64_t kMemorySize = 128 << 20;
constexpr std::uint64_t kLargestImage = 64 << 20;

// Where QEMU has memory, puts a raw -kernel, and has a serial port.
struct Machine {
  std::uint64_t memory;
  std::uint64_t image;
  std::uint64_t serial_port;
  bool has_test_device = false;
};

auto machine_of(Arch arch) -> Machine {
  switch (arch) {
    case Arch::x86_64: return {.memory = 0, .image = 0x100000, .serial_port = 0x3f8};
    case Arch::aarch64: return {.memory = 0x40000000, .image = 0x40080000, .serial_port = 0x9000000};
    case Arch::riscv64:
      return {.memory = 0x80000000, .image = 0x80200000, .serial_port = 0x10000000, .has_test_device = true};
  }
  throw std::logic_error{"an architecture without a machine"};
}

void check(int result) {
  if (result < 0) throw std::runtime_error{std::string{"device tree: "} + fdt_strerror(result)};
}

void set_text(void* fdt, int node, const char* name, const std::string& text) {
  check(fdt_setprop(fdt, node, name, text.c_str(), static_cast<int>(text.size() + 1)));
}

// Of QEMU's machine `virt` for riscv64, by which guests end it.
void add_test_device(void* fdt) {
  const int device = fdt_add_subnode(fdt, 0, "test@100000");
  check(device);
  set_text(fdt, device, "compatible", "sifive,test0");
  check(fdt_setprop_u64(fdt, device, "reg", 0x100000));
  check(fdt_appendprop_u64(fdt, device, "reg", 0x1000));
}

auto make_device_tree(const Machine& machine, const std::string& bootargs) -> std::vector<std::byte> {
  std::vector<std::byte> tree(kPageTablesAt - kDeviceTreeAt);
  void* const fdt = tree.data();
  check(fdt_create_empty_tree(fdt, static_cast<int>(tree.size())));
  check(fdt_setprop_u32(fdt, 0, "#address-cells", 2));
  check(fdt_setprop_u32(fdt, 0, "#size-cells", 2));
  const int memory = fdt_add_subnode(fdt, 0, "memory@0");
  check(memory);
  set_text(fdt, memory, "device_type", "memory");
  check(fdt_setprop_u64(fdt, memory, "reg", machine.memory));
  check(fdt_appendprop_u64(fdt, memory, "reg", kMemorySize));
  const int chosen = fdt_add_subnode(fdt, 0, "chosen");
  check(chosen);
  set_text(fdt, chosen, "bootargs", bootargs);
  if (machine.has_test_device) add_test_device(fdt);
  check(fdt_pack(fdt));
  tree.resize(fdt_totalsize(fdt));
  return tree;
}

// One GiB in pages of 2 MiB, by tables of three levels.
void write_x86_64_tables(std::span<std::byte> tables, std::uint64_t address) {
  constexpr std::uint64_t kPresentWritable = 3;
  constexpr std::uint64_t kLargePage = 1 << 7;
  write<std::uint64_t, Endian::little>(tables, 0x0, (address + 0x1000) | kPresentWritable);
  write<std::uint64_t, Endian::little>(tables, 0x1000, (address + 0x2000) | kPresentWritable);
  for (std::uint64_t i = 0; i < 512; ++i) {
    write<std::uint64_t, Endian::little>(tables, 0x2000 + 8 * i, i << 21 | kLargePage | kPresentWritable);
  }
}

// Four GiB in blocks of one, in the byte order of the kernel's data.
void write_aarch64_table(std::span<std::byte> table, Endian endian) {
  constexpr std::uint64_t kBlock = 1 | 1 << 10;                                // valid, accessed
  constexpr std::uint64_t kDevice = kBlock | 1 << 2 | std::uint64_t{3} << 53;  // attribute 1, never executed
  constexpr std::uint64_t kInnerShareable = 3 << 8;
  for (std::uint64_t i = 0; i < 4; ++i) {
    write<std::uint64_t>(table, 8 * i, i << 30 | (i == 0 ? kDevice : kBlock | kInnerShareable), endian);
  }
}

auto platform_of(Arch arch, std::uint64_t image, const std::string& bootargs) -> PlatformInfo {
  if (arch != Arch::x86_64) return LinuxBootPlatform{};
  return MultibootPlatform{.command_line = CommandLine{.address = {image + kCommandLineAt}, .size = bootargs.size()},
                           // That there is one is all that a guest can see.
                           .multiboot_info = {image + kCommandLineAt}};
}

auto make_image(std::span<const std::byte> trampoline, std::span<const std::byte> elf, const std::string& bootargs)
    -> std::vector<std::byte> {
  const auto kernel = KernelObject::parse(elf);
  if (!kernel) throw std::runtime_error{kernel.error().message().c_str()};
  const auto machine = machine_of(kernel->arch());
  const auto start = kernel->start_addr().value_or(GuestAddress{machine.image + kKernelAt});
  const auto kernel_at = start.value - machine.image;
  if (start.value < machine.image + kKernelAt || kernel_at > kLargestImage || kernel->mem_size() > kLargestImage) {
    throw std::runtime_error{"does not fit into the memory of the machine"};
  }
  if (trampoline.size() > kEntryAt || bootargs.size() > kDeviceTreeAt - kCommandLineAt) {
    throw std::runtime_error{"the trampoline or the command line is too large"};
  }

  std::vector<std::byte> image(kernel_at + kernel->mem_size());
  const auto loaded = kernel->load(std::span{image}.subspan(kernel_at), start);
  if (!loaded) throw std::runtime_error{loaded.error().message().c_str()};

  const BootInfo info{
      .hardware = {.serial_port_base = machine.serial_port, .device_tree = GuestAddress{machine.image + kDeviceTreeAt}},
      .load = {.kernel_image = loaded->image, .tls = loaded->tls},
      .platform = platform_of(kernel->arch(), machine.image, bootargs)};
  const auto raw_info = info.encode(kernel->arch(), kernel->endian());
  if (!raw_info) throw std::runtime_error{raw_info.error().message().c_str()};

  const auto put = [&](std::size_t at, std::span<const std::byte> bytes) {
    std::ranges::copy(bytes, image.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put(0, trampoline);
  write<std::uint64_t, Endian::little>(image, kEntryAt, loaded->entry_point.value);
  write<std::uint64_t, Endian::little>(image, kBigEndianAt, kernel->endian() == Endian::big ? 1 : 0);
  put(kBootInfoAt, *raw_info);
  put(kCommandLineAt, std::as_bytes(std::span{bootargs}));
  put(kDeviceTreeAt, make_device_tree(machine, bootargs));
  const auto tables = std::span{image}.subspan(kPageTablesAt, kBootStackAt - kPageTablesAt);
  if (kernel->arch() == Arch::x86_64) write_x86_64_tables(tables, machine.image + kPageTablesAt);
  if (kernel->arch() == Arch::aarch64) write_aarch64_table(tables, kernel->endian());
  return image;
}

}  // namespace

auto main(int argc, char** argv) -> int try {
  const std::span arguments{argv, static_cast<std::size_t>(argc)};
  if (argc != 4 && argc != 5) {
    std::cerr << "usage: bare_machine_image TRAMPOLINE KERNEL IMAGE [BOOTARGS]\n";
    return EXIT_FAILURE;
  }
  const auto trampoline = hermitage::testing::read_bytes(arguments[1]);
  const auto kernel = hermitage::testing::read_bytes(arguments[2]);
  const auto image = make_image(trampoline, kernel, argc == 5 ? arguments[4] : "");
  std::ofstream file{arguments[3], std::ios::binary};
  file.write(reinterpret_cast<const char*>(image.data()), static_cast<std::streamsize>(image.size()));
  file.close();
  if (!file) throw std::runtime_error{std::string{"cannot write "} + arguments[3]};
  return EXIT_SUCCESS;
} catch (const std::exception& error) {
  std::cerr << "bare_machine_image: " << error.what() << '\n';
  return EXIT_FAILURE;
}
