#include "hermitage/loader/platform/uefi/firmware.hpp"

#include <array>
#include <cstddef>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/loader/machine.hpp"

namespace hermitage::loader {
namespace uefi {
namespace {

constexpr std::uint64_t kPageSize = 4096;

// The firmware that provides the console and ends the machine.
constinit SystemTable* firmware = nullptr;
constinit bool has_boot_services = true;

constexpr auto pages(std::uint64_t size) noexcept -> std::uint64_t {
  return size / kPageSize + (size % kPageSize != 0 ? 1 : 0);
}

// The firmware's descriptors may be larger than this struct.
alignas(8) constinit std::array<std::byte, 64 << 10> map_buffer{};

}  // namespace

void set_firmware(SystemTable& system) noexcept {
  firmware = &system;
}

auto allocate(SystemTable& system, std::uint64_t size) noexcept -> std::optional<GuestRange> {
  std::uint64_t address = 0;
  if (system.boot_services->allocate_pages(kAnyPages, kLoaderData, pages(size), &address) != kSuccess) {
    return std::nullopt;
  }
  return GuestRange{{address}, {address + size}};
}

auto allocate_at(SystemTable& system, GuestRange place) noexcept -> bool {
  auto address = place.start.value & ~(kPageSize - 1);
  const auto count = pages(place.end.value - address);
  return system.boot_services->allocate_pages(kAtAddress, kLoaderData, count, &address) == kSuccess;
}

auto find_table(const SystemTable& system, const Guid& guid) noexcept -> std::optional<GuestAddress> {
  for (const auto& entry : std::span{system.tables, system.table_count}) {
    if (entry.guid == guid) return GuestAddress{reinterpret_cast<std::uintptr_t>(entry.table)};
  }
  return std::nullopt;
}

auto read_file(SystemTable& system, const LoadedImage& loaded, const char16_t* path) noexcept
    -> Result<std::optional<GuestRange>> {
  void* interface = nullptr;
  if (system.boot_services->handle_protocol(loaded.device, &kFileSystemProtocol, &interface) != kSuccess) {
    return std::optional<GuestRange>{};
  }
  auto* const file_system = static_cast<FileSystem*>(interface);
  File* root = nullptr;
  if (file_system->open_volume(file_system, &root) != kSuccess) {
    return failure("cannot read the file system that the loader was started from");
  }
  File* file = nullptr;
  if (root->open(root, &file, path, kReadMode, 0) != kSuccess) {
    root->close(root);
    return std::optional<GuestRange>{};
  }
  // The name follows the information.
  alignas(8) std::array<std::byte, 1024> information;
  std::uint64_t information_size = information.size();
  if (file->get_info(file, &kFileInfo, &information_size, information.data()) != kSuccess) {
    return failure("cannot read the size of a file");
  }
  const auto size = reinterpret_cast<const FileInfo*>(information.data())->file_size;
  const auto place = allocate(system, size);
  if (!place) return failure("out of memory for a file");
  std::uint64_t done = 0;
  while (done < size) {
    std::uint64_t piece = size - done;
    if (file->read(file, &piece, reinterpret_cast<std::byte*>(place->start.value) + done) != kSuccess || piece == 0) {
      return failure("cannot read a file");
    }
    done += piece;
  }
  file->close(file);
  root->close(root);
  return std::optional{*place};
}

auto read_memory_map(SystemTable& system, MemoryMap& memory_map) noexcept -> Result<std::uint64_t> {
  std::uint64_t size = map_buffer.size();
  std::uint64_t key = 0;
  std::uint64_t descriptor_size = 0;
  std::uint32_t version = 0;
  if (system.boot_services->get_memory_map(&size, map_buffer.data(), &key, &descriptor_size, &version) != kSuccess ||
      descriptor_size < sizeof(MemoryDescriptor)) {
    return failure("GetMemoryMap failed");
  }
  for (std::uint64_t at = 0; entry::range_fits(at, sizeof(MemoryDescriptor), size); at += descriptor_size) {
    const auto* const found = reinterpret_cast<const MemoryDescriptor*>(map_buffer.data() + at);
    if (found->type != kConventionalMemory) continue;
    // If the map has no space for more ranges, the kernel gets less memory.
    const auto range = range_of(found->physical_start, found->pages * kPageSize);
    if (!range || !memory_map.add_ram(*range)) break;
  }
  return key;
}

auto exit_boot_services(SystemTable& system, Handle image, MemoryMap& memory_map) noexcept -> Result<void> {
  // The first attempt may change the firmware's memory map, and then fails. The second attempt does not change it.
  for (int tries = 0; tries < 2; ++tries) {
    memory_map = {};
    const auto key = read_memory_map(system, memory_map);
    if (!key) return std::unexpected{key.error()};
    if (system.boot_services->exit_boot_services(image, *key) == kSuccess) {
      has_boot_services = false;
      return {};
    }
  }
  return failure("ExitBootServices failed");
}

}  // namespace uefi

namespace machine {

void write_console(std::string_view text) noexcept {
  using uefi::firmware;
  if (!uefi::has_boot_services || firmware == nullptr || firmware->console_out == nullptr) return;
  std::array<char16_t, 128> piece;
  std::size_t size = 0;
  const auto flush = [&] {
    piece[size] = 0;
    size = 0;
    firmware->console_out->output_string(firmware->console_out, piece.data());
  };
  for (const char character : text) {
    if (character == '\n') piece[size++] = '\r';
    piece[size++] = static_cast<unsigned char>(character);
    if (size + 3 > piece.size()) flush();
  }
  if (size > 0) flush();
}

void stop_failed() noexcept {
#if defined(__x86_64__)
  // QEMU's isa-debug-exit, which ends with status 1.
  constexpr std::uint16_t kDebugExit = 0xf4;
  asm volatile("outl %0, %1" : : "a"(0), "Nd"(kDebugExit));
#endif
  if (uefi::firmware != nullptr) {
    uefi::firmware->runtime_services->reset_system(uefi::kResetShutdown, uefi::kLoadError, 0, nullptr);
  }
  for (;;) {
  }
}

}  // namespace machine
}  // namespace hermitage::loader
