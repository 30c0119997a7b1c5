#include "hermitage/loader/image/boot_image.hpp"

#include <cstddef>
#include <span>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/entry/image_path.hpp"
#include "hermitage/loader/command_line.hpp"
#include "hermitage/loader/image/archive.hpp"
#include "hermitage/loader/image/arguments.hpp"
#include "hermitage/loader/image/gunzip.hpp"
#include "hermitage/loader/image/image_config.hpp"
#include "hermitage/loader/log.hpp"

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kPageSize = 4096;

// Allocates space for a text. Empty if the arena is full.
auto allocate_text(Arena& arena, std::size_t size) noexcept -> std::span<char> {
  const auto room = arena.allocate(size, 1);
  return {reinterpret_cast<char*>(room.data()), room.size()};
}

// The highest free range of this size that does not overlap the image. Low memory stays free for kernels, because
// fixed ones need certain addresses.
auto find_place(const MemoryMap& memory_map, std::uint64_t size, GuestRange file, GuestRange bounds) noexcept
    -> std::optional<GuestRange> {
  const auto place = memory_map.find_last(size, kPageSize, bounds);
  if (!place || !overlaps(*place, file)) return place;
  return memory_map.find_last(size, kPageSize, {bounds.start, file.start});
}

// The range of the unpacked image. Its size is known only after unpacking. The end of gzip data states the size of
// its last member, which is usually the only one.
auto unpack(const PhysicalMemory& memory, MemoryMap& memory_map, GuestRange file, std::span<const std::byte> bytes,
            const PlacementRules& rules) noexcept -> Result<GuestRange> {
  const auto stated_size = stated_size_of_gzip(bytes);
  for (auto size = stated_size < kPageSize ? kPageSize : stated_size;; size *= 2) {
    const auto place = find_place(memory_map, size, file, rules.bounds);
    if (!place || (rules.claim != nullptr && !rules.claim(*place))) {
      return failure(entry::Message{}
                         .append("out of memory for an image of ")
                         .append_decimal(size)
                         .append(" unpacked bytes; give the machine more memory, or check that the image is complete"));
    }
    if (!memory_map.reserve(*place)) return failure("the memory map has too many ranges");
    const auto room = memory.bytes(*place);
    if (!room) return failure("the memory map contains memory that does not exist");
    const auto unpacked = gunzip(bytes, *room);
    if (!unpacked) return std::unexpected{unpacked.error()};
    if (*unpacked) return GuestRange{place->start, place->start + **unpacked};
  }
}

// The memory size of the machine. Firmware and tables take some of it, so each started unit of 16 MiB counts
// completely.
auto machine_memory(const MemoryMap& memory_map) noexcept -> std::uint64_t {
  constexpr std::uint64_t kUnit = 16 << 20;
  std::uint64_t size = 0;
  std::uint64_t counted = 0;  // all memory below this address is counted
  for (const auto range : memory_map.ram()) {
    const auto first = range.start.value / kUnit * kUnit;
    const auto start = first < counted ? counted : first;
    const auto end = entry::checked_align_up(range.end.value, kUnit).value_or(range.end.value);
    if (end <= start) continue;
    size += end - start;
    counted = end;
  }
  return size;
}

auto check_memory(const ImageConfig& config, const MemoryMap& memory_map) noexcept -> Result<void> {
  const auto size = machine_memory(memory_map);
  if (!config.memory || *config.memory <= size) return {};
  return failure(entry::Message{}
                     .append("the image requires ")
                     .append_decimal(*config.memory >> 20)
                     .append(" MiB of memory, but the machine has ")
                     .append_decimal(size >> 20)
                     .append(" MiB; give it more memory"));
}

auto read_config(const Archive& archive) noexcept -> Result<ImageConfig> {
  const auto file = archive.find(entry::kConfigPath);
  if (!file) return std::unexpected{file.error()};
  if (!*file) return failure("the image has no hermit.toml at its root, so it is not a Hermit image");
  auto config = read_image_config(entry::text_of(**file));
  if (config && config->unknown_key) LogLine{LogLevel::warn}.text("hermit.toml has unknown keys");
  return config;
}

auto find_kernel(const Archive& archive, const ImageConfig& config, Arena& arena) noexcept
    -> Result<std::span<const std::byte>> {
  const auto room = allocate_text(arena, config.kernel.size());
  if (room.empty()) return failure("out of memory for the kernel's path");
  std::size_t size = 0;
  TomlBytes bytes{config.kernel};
  while (const auto byte = bytes.next()) room[size++] = *byte;
  const std::string_view path{room.data(), size};
  const auto kernel = archive.find(path);
  if (!kernel) return std::unexpected{kernel.error()};
  if (*kernel) return **kernel;
  return failure(entry::Message{}.append("the image does not contain its kernel ").append(path));
}

}  // namespace

auto open_image(const PhysicalMemory& memory, MemoryMap& memory_map, GuestRange file, std::string_view user_line,
                bool names_loader, const PlacementRules& rules, Arena& arena) noexcept -> Result<BootImage> {
  const auto bytes = memory.bytes(file);
  if (!bytes) return failure("the image is outside of the memory");
  if (entry::detect_format(*bytes) != entry::Format::gzip) {
    return BootImage{.kernel = file, .archive = {}, .command_line = user_line};
  }

  const auto unpacked = unpack(memory, memory_map, file, *bytes, rules);
  if (!unpacked) return std::unexpected{unpacked.error()};
  LogLine{LogLevel::info}.text("Image unpacked to ").range(*unpacked);
  const auto archive_bytes = *memory.bytes(*unpacked);
  const auto archive = Archive::open(archive_bytes);
  if (!archive) return std::unexpected{archive.error()};
  const auto config = read_config(*archive);
  if (!config) return std::unexpected{config.error()};
  if (const auto checked = check_memory(*config, memory_map); !checked) return std::unexpected{checked.error()};
  const auto kernel = find_kernel(*archive, *config, arena);
  if (!kernel) return std::unexpected{kernel.error()};

  const auto room = allocate_text(arena, kLongestCommandLine + 1);
  if (room.empty()) return failure("out of memory for the command line");
  const auto size = add_image_arguments(user_line, names_loader, *config, room.first(kLongestCommandLine));
  if (!size) return std::unexpected{size.error()};
  room[*size] = '\0';
  const std::string_view command_line{room.data(), *size};
  LogLine{LogLevel::info}.text("Command line of the kernel: ").text(command_line);
  const auto kernel_start = unpacked->start + static_cast<std::uint64_t>(kernel->data() - archive_bytes.data());
  return BootImage{
      .kernel = {kernel_start, kernel_start + kernel->size()}, .archive = *unpacked, .command_line = command_line};
}

}  // namespace hermitage::loader
