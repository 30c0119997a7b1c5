// Makes a memory image in which the loader is about to be entered by the 64-bit Linux boot protocol, for QEMU's
// -kernel, which starts nothing by it:
//
//     linux_boot_image LOADER IMAGE OUTPUT [COMMAND_LINE]
//
// What Firecracker does at run time is done at build time; some instructions of our own, entered by Multiboot, do the
// rest.
//
//     0x100000 the loader, with its Multiboot header replaced
//     0x200000 the first instructions
//     0x201000 page tables: the first GiB one to one, in pages of 2 MiB
//     0x210000 command line
//     0x220000 boot_params
//     0x230000 the ramdisk: the image
//
// The machine must have 128 MiB.
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

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/elf_file.hpp"
#include "testing/images.hpp"

// The state that the protocol asks for: 64-bit mode, a flat code segment 0x10 and data segment 0x18, interrupts off,
// boot_params in rsi. All addresses are known when this is assembled.
asm(R"(
  .pushsection .rodata.linux_trampoline, "a", @progbits
  .set base, 0x200000
  .global linux_trampoline, linux_trampoline_end
  .code32
linux_trampoline:
  lgdt base + (1f - linux_trampoline)
  mov $base + 0x1000, %eax
  mov %eax, %cr3
  mov $0x20, %eax
  mov %eax, %cr4
  mov $0xc0000080, %ecx
  mov $0x100, %eax
  xor %edx, %edx
  wrmsr
  mov $0x80000011, %eax
  mov %eax, %cr0
  ljmp $0x10, $(base + (2f - linux_trampoline))
1:
  .word 31
  .long base + (3f - linux_trampoline)
3:
  .quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
  .code64
2:
  mov $0x18, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $base + 0x20000, %esi
  mov base + 0xff8, %rax
  jmp *%rax
linux_trampoline_end:
  .popsection
)");
extern "C" const std::byte linux_trampoline[];
extern "C" const std::byte linux_trampoline_end[];

namespace {

using namespace hermitage::entry;  // NOLINT(google-build-using-namespace)

constexpr std::uint64_t kStart = 0x100000;
constexpr std::uint64_t kTrampoline = 0x200000;
constexpr std::uint64_t kEntryPoint = 0x200ff8;
constexpr std::uint64_t kTables = 0x201000;
constexpr std::uint64_t kCommandLine = 0x210000;
constexpr std::uint64_t kBootParams = 0x220000;
constexpr std::uint64_t kRamdisk = 0x230000;
constexpr std::uint64_t kMemoryEnd = 0x7fe0000;

class Memory {
 public:
  explicit Memory(std::uint64_t size) : bytes_(size) {}

  template <class T>
  void put(std::uint64_t address, T value) {
    write<T, Endian::little>(bytes_, address - kStart, value);
  }
  void put_bytes(std::uint64_t address, std::span<const std::byte> bytes) {
    if (!range_fits(address - kStart, bytes.size(), bytes_.size())) throw std::runtime_error{"has no room"};
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(address - kStart));
  }
  [[nodiscard]] auto bytes() const -> std::span<const std::byte> { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

void put_loader(Memory& memory, std::span<const std::byte> file) {
  const auto loader = ElfFile::open(file);
  if (!loader) throw std::runtime_error{loader.error().message().c_str()};
  for (const auto& segment : loader->segments()) {
    if (segment.type == elf::kSegmentLoad)
      memory.put_bytes(segment.vaddr, file.subspan(segment.offset, segment.filesz));
  }
  memory.put<std::uint64_t>(kEntryPoint, loader->header().entry);
  // A header with addresses: its own, of the first byte, no end of the file or of zeros, and where to go.
  constexpr std::uint32_t kMagic = 0x1badb002;
  constexpr std::uint32_t kHasAddresses = 1 << 16;
  const std::uint32_t header[] = {kMagic, kHasAddresses, -(kMagic + kHasAddresses), kStart, kStart, 0, 0, kTrampoline};
  memory.put_bytes(kStart, std::as_bytes(std::span{header}));
}

void put_tables(Memory& memory) {
  constexpr std::uint64_t kPresentWritable = 3;
  constexpr std::uint64_t kLarge = 1 << 7;
  memory.put(kTables, (kTables + 0x1000) | kPresentWritable);
  memory.put(kTables + 0x1000, (kTables + 0x2000) | kPresentWritable);
  for (std::uint64_t i = 0; i < 512; ++i) memory.put(kTables + 0x2000 + 8 * i, i << 21 | kLarge | kPresentWritable);
}

void put_boot_params(Memory& memory, std::uint64_t ramdisk_size) {
  auto map_entry = [&, at = kBootParams + 0x2d0](std::uint64_t start, std::uint64_t end) mutable {
    memory.put<std::uint64_t>(at, start);
    memory.put<std::uint64_t>(at + 8, end - start);
    memory.put<std::uint32_t>(at + 16, 1);
    at += 20;
  };
  memory.put<std::uint8_t>(kBootParams + 0x1e8, 2);
  memory.put<std::uint16_t>(kBootParams + 0x1fe, 0xaa55);
  memory.put<std::uint32_t>(kBootParams + 0x202, 0x53726448);
  memory.put<std::uint32_t>(kBootParams + 0x218, kRamdisk);
  memory.put<std::uint32_t>(kBootParams + 0x21c, static_cast<std::uint32_t>(ramdisk_size));
  memory.put<std::uint32_t>(kBootParams + 0x228, kCommandLine);
  map_entry(0, 0x9fc00);
  map_entry(kStart, kMemoryEnd);
}

}  // namespace

auto main(int argc, char** argv) -> int try {
  const std::span arguments{argv, static_cast<std::size_t>(argc)};
  if (argc != 4 && argc != 5) {
    std::cerr << "usage: linux_boot_image LOADER IMAGE OUTPUT [COMMAND_LINE]\n";
    return EXIT_FAILURE;
  }
  const auto loader = hermitage::testing::read_bytes(arguments[1]);
  const auto image = hermitage::testing::read_bytes(arguments[2]);
  const std::string line = argc == 5 ? arguments[4] : "";
  if (line.size() >= kBootParams - kCommandLine) throw std::runtime_error{"the command line is too long"};

  Memory memory{kRamdisk - kStart + image.size()};
  put_loader(memory, loader);
  memory.put_bytes(kTrampoline, {linux_trampoline, linux_trampoline_end});
  put_tables(memory);
  memory.put_bytes(kCommandLine, std::as_bytes(std::span{line}));
  put_boot_params(memory, image.size());
  memory.put_bytes(kRamdisk, image);

  std::ofstream file{arguments[3], std::ios::binary};
  file.write(reinterpret_cast<const char*>(memory.bytes().data()), static_cast<std::streamsize>(memory.bytes().size()));
  file.close();
  if (!file) throw std::runtime_error{std::string{"cannot write "} + arguments[3]};
  return EXIT_SUCCESS;
} catch (const std::exception& error) {
  std::cerr << "linux_boot_image: " << error.what() << '\n';
  return EXIT_FAILURE;
}
