#include "hermitage/loader/platform/multiboot/multiboot.hpp"

#include <cstddef>
#include <cstring>

#include "hermitage/entry/text.hpp"
#include "hermitage/loader/command_line.hpp"

namespace hermitage::loader {
namespace {

using entry::ByteView;
using entry::Endian;
using entry::write;

// Offsets of the fields.
constexpr std::size_t kFlags = 0;
constexpr std::size_t kCommandLine = 16;
constexpr std::size_t kModuleCount = 20;
constexpr std::size_t kModules = 24;
constexpr std::size_t kMapSize = 44;
constexpr std::size_t kMap = 48;
constexpr std::size_t kLoaderName = 64;
constexpr std::size_t kInfoSize = 68;  // size up to the last field that the loader reads

// Flags: the presence of fields.
constexpr std::uint32_t kHasCommandLine = 1 << 2;
constexpr std::uint32_t kHasModules = 1 << 3;
constexpr std::uint32_t kHasMap = 1 << 6;
constexpr std::uint32_t kHasLoaderName = 1 << 9;

constexpr std::size_t kModuleSize = 16;
constexpr std::uint32_t kMapEntrySize = 24;
constexpr std::uint32_t kAvailable = 1;
constexpr std::uint64_t kLongestName = 64;

// Reads memory ranges. Each has a size (which does not include itself), address, length and type.
auto read_map(ByteView map, MemoryMap& memory_map) noexcept -> bool {
  std::size_t at = 0;
  while (entry::range_fits(at, kMapEntrySize, map.size())) {
    const auto range = range_of(map.get<std::uint64_t>(at + 4), map.get<std::uint64_t>(at + 12));
    if (range && map.get<std::uint32_t>(at + 20) == kAvailable && !memory_map.add_ram(*range)) return false;
    at += sizeof(std::uint32_t) + map.get<std::uint32_t>(at);
  }
  return true;
}

auto reserve(MemoryMap& memory_map, std::uint64_t address, std::uint64_t size) noexcept -> bool {
  const auto range = range_of(address, size);
  return range && memory_map.reserve(*range);
}

// QEMU puts the loader's own path before the user's command line. Other boot loaders do not.
auto names_qemu(const PhysicalMemory& memory, ByteView info) noexcept -> bool {
  if ((info.get<std::uint32_t>(kFlags) & kHasLoaderName) == 0) return false;
  const auto name = memory.text(info.get<std::uint32_t>(kLoaderName), kLongestName);
  return name && *name == "qemu";
}

}  // namespace

auto read_multiboot(const PhysicalMemory& memory, GuestAddress info_address, Handover& handover) noexcept
    -> Result<void> {
  const auto info = memory.view(info_address.value, kInfoSize);
  if (!info) return failure("the Multiboot information is outside of the memory");
  bool is_reserved = reserve(handover.memory, info_address.value, kInfoSize);
  const auto flags = info->get<std::uint32_t>(kFlags);

  if ((flags & kHasMap) == 0) return failure("the Multiboot information has no memory map");
  const auto map = memory.view(info->get<std::uint32_t>(kMap), info->get<std::uint32_t>(kMapSize));
  if (!map) return failure("the memory map of Multiboot is outside of the memory");
  if (!read_map(*map, handover.memory)) return failure("the memory map of Multiboot has too many ranges");
  is_reserved &= reserve(handover.memory, info->get<std::uint32_t>(kMap), map->size());

  if ((flags & kHasCommandLine) != 0) {
    const auto address = info->get<std::uint32_t>(kCommandLine);
    const auto line = memory.text(address, kLongestCommandLine + 1);
    if (!line) return failure("the command line is too long, or outside of the memory");
    handover.command_line = *line;
    handover.names_loader = names_qemu(memory, *info);
    is_reserved &= reserve(handover.memory, address, line->size() + 1);
  }

  if ((flags & kHasModules) != 0 && info->get<std::uint32_t>(kModuleCount) > 0) {
    const auto module = memory.view(info->get<std::uint32_t>(kModules), kModuleSize);
    if (!module) return failure("the list of Multiboot modules is outside of the memory");
    const GuestRange image{{module->get<std::uint32_t>(0)}, {module->get<std::uint32_t>(4)}};
    if (image.end < image.start) return failure("the first module of Multiboot ends before its start");
    handover.image = image;
  }
  if (!is_reserved) return failure("the Multiboot information has too many ranges");
  return {};
}

auto write_multiboot(Arena& arena, const MemoryMap& memory_map, std::string_view command_line) noexcept
    -> std::optional<GuestAddress> {
  constexpr std::size_t kWholeInfoSize = 120;
  const auto ram = memory_map.ram();
  const auto info = arena.allocate(kWholeInfoSize, 8);
  const auto map = arena.allocate(ram.size() * kMapEntrySize, 8);
  if (info.empty() || map.empty()) return std::nullopt;

  const auto field = [&](std::size_t offset, std::uint64_t value) {
    write<std::uint32_t, Endian::little>(info, offset, static_cast<std::uint32_t>(value));
  };
  std::memset(info.data(), 0, info.size());
  field(kFlags, kHasCommandLine | kHasMap);
  field(kCommandLine, reinterpret_cast<std::uintptr_t>(command_line.data()));
  field(kMapSize, map.size());
  field(kMap, reinterpret_cast<std::uintptr_t>(map.data()));
  for (std::size_t i = 0; i < ram.size(); ++i) {
    const auto entry = map.subspan(i * kMapEntrySize, kMapEntrySize);
    write<std::uint32_t, Endian::little>(entry, 0, kMapEntrySize - sizeof(std::uint32_t));
    write<std::uint64_t, Endian::little>(entry, 4, ram[i].start.value);
    write<std::uint64_t, Endian::little>(entry, 12, size_of(ram[i]));
    write<std::uint32_t, Endian::little>(entry, 20, kAvailable);
  }
  return GuestAddress{reinterpret_cast<std::uintptr_t>(info.data())};
}

}  // namespace hermitage::loader
