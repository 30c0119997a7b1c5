#include "hermitage/loader/platform/pvh/pvh.hpp"

#include <cstddef>
#include <cstdint>

#include "hermitage/loader/command_line.hpp"

namespace hermitage::loader {
namespace {

constexpr std::uint32_t kMagic = 0x336ec578;

// Fields of hvm_start_info.
constexpr std::size_t kMagicAt = 0;
constexpr std::size_t kVersion = 4;
constexpr std::size_t kModuleCount = 12;
constexpr std::size_t kModules = 16;
constexpr std::size_t kCommandLine = 24;
constexpr std::size_t kRsdp = 32;
constexpr std::size_t kMap = 40;
constexpr std::size_t kMapEntries = 48;
constexpr std::size_t kInfoSize = 56;

constexpr std::size_t kModuleSize = 32;
constexpr std::size_t kMapEntrySize = 24;
constexpr std::uint32_t kRam = 1;

auto reserve(MemoryMap& memory_map, std::uint64_t address, std::uint64_t size) noexcept -> bool {
  const auto range = range_of(address, size);
  return range && memory_map.reserve(*range);
}

}  // namespace

auto read_pvh(const PhysicalMemory& memory, GuestAddress info_address, Handover& handover) noexcept -> Result<void> {
  const auto info = memory.view(info_address.value, kInfoSize);
  if (!info) return failure("the PVH start information is outside of the memory");
  if (info->get<std::uint32_t>(kMagicAt) != kMagic)
    return failure("the PVH start information has a wrong magic number");
  if (info->get<std::uint32_t>(kVersion) == 0) {
    return failure("the PVH start information has version 0, which has no memory map");
  }
  bool is_reserved = reserve(handover.memory, info_address.value, kInfoSize);

  const std::uint64_t map_size = std::uint64_t{info->get<std::uint32_t>(kMapEntries)} * kMapEntrySize;
  const auto map = memory.view(info->get<std::uint64_t>(kMap), map_size);
  if (!map) return failure("the memory map of PVH is outside of the memory");
  for (std::size_t at = 0; at < map->size(); at += kMapEntrySize) {
    const auto range = range_of(map->get<std::uint64_t>(at), map->get<std::uint64_t>(at + 8));
    if (range && map->get<std::uint32_t>(at + 16) == kRam && !handover.memory.add_ram(*range)) {
      return failure("the memory map of PVH has too many ranges");
    }
  }
  is_reserved &= reserve(handover.memory, info->get<std::uint64_t>(kMap), map_size);

  if (const auto address = info->get<std::uint64_t>(kCommandLine); address != 0) {
    const auto line = memory.text(address, kLongestCommandLine + 1);
    if (!line) return failure("the command line is too long, or outside of the memory");
    handover.command_line = *line;
    is_reserved &= reserve(handover.memory, address, line->size() + 1);
  }

  if (info->get<std::uint32_t>(kModuleCount) > 0) {
    const auto module = memory.view(info->get<std::uint64_t>(kModules), kModuleSize);
    if (!module) return failure("the list of PVH modules is outside of the memory");
    const auto image = range_of(module->get<std::uint64_t>(0), module->get<std::uint64_t>(8));
    if (!image) return failure("the first module of PVH ends after the last address");
    handover.image = *image;
  }
  if (const auto rsdp = info->get<std::uint64_t>(kRsdp); rsdp != 0) handover.rsdp = GuestAddress{rsdp};
  if (!is_reserved) return failure("the PVH start information has too many ranges");
  return {};
}

}  // namespace hermitage::loader
