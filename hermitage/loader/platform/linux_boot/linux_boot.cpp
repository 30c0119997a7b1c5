#include "hermitage/loader/platform/linux_boot/linux_boot.hpp"

#include <cstddef>
#include <cstdint>

#include "hermitage/loader/command_line.hpp"

namespace hermitage::loader {
namespace {

using entry::ByteView;

// Fields of boot_params (the "zero page").
constexpr std::size_t kRsdp = 0x070;
constexpr std::size_t kHighRamdiskAddress = 0x0c0;
constexpr std::size_t kHighRamdiskSize = 0x0c4;
constexpr std::size_t kHighCommandLine = 0x0c8;
constexpr std::size_t kMapEntries = 0x1e8;
constexpr std::size_t kBootFlag = 0x1fe;
constexpr std::size_t kHeader = 0x202;
constexpr std::size_t kRamdiskAddress = 0x218;
constexpr std::size_t kRamdiskSize = 0x21c;
constexpr std::size_t kCommandLine = 0x228;
constexpr std::size_t kMap = 0x2d0;
constexpr std::size_t kBootParamsSize = 0x1000;

constexpr std::uint16_t kBootFlagValue = 0xaa55;
constexpr std::uint32_t kHeaderValue = 0x53726448;  // "HdrS"
constexpr std::size_t kMapEntrySize = 20;
constexpr std::size_t kMostMapEntries = 128;
constexpr std::uint32_t kRam = 1;

// A 64-bit number in two halves that are not adjacent.
auto joined(ByteView bytes, std::size_t low, std::size_t high) noexcept -> std::uint64_t {
  return std::uint64_t{bytes.get<std::uint32_t>(high)} << 32 | bytes.get<std::uint32_t>(low);
}

}  // namespace

auto read_linux_boot(const PhysicalMemory& memory, GuestAddress boot_params, Handover& handover) noexcept
    -> Result<void> {
  const auto params = memory.view(boot_params.value, kBootParamsSize);
  if (!params) return failure("the Linux boot parameters are outside of the memory");
  if (params->get<std::uint16_t>(kBootFlag) != kBootFlagValue || params->get<std::uint32_t>(kHeader) != kHeaderValue) {
    return failure("the Linux boot parameters have wrong magic numbers");
  }
  bool is_reserved = handover.memory.reserve({boot_params, boot_params + kBootParamsSize});

  const std::size_t entries = params->get<std::uint8_t>(kMapEntries);
  if (entries == 0) return failure("the Linux boot parameters have no memory map");
  for (std::size_t i = 0; i < entries && i < kMostMapEntries; ++i) {
    const auto at = kMap + i * kMapEntrySize;
    const auto range = range_of(params->get<std::uint64_t>(at), params->get<std::uint64_t>(at + 8));
    if (range && params->get<std::uint32_t>(at + 16) == kRam && !handover.memory.add_ram(*range)) {
      return failure("the memory map of the Linux boot parameters has too many ranges");
    }
  }

  if (const auto address = joined(*params, kCommandLine, kHighCommandLine); address != 0) {
    const auto line = memory.text(address, kLongestCommandLine + 1);
    if (!line) return failure("the command line is too long, or outside of the memory");
    handover.command_line = *line;
    is_reserved &= handover.memory.reserve({{address}, {address + line->size() + 1}});
  }

  const auto ramdisk_size = joined(*params, kRamdiskSize, kHighRamdiskSize);
  if (const auto address = joined(*params, kRamdiskAddress, kHighRamdiskAddress); address != 0 && ramdisk_size != 0) {
    const auto image = range_of(address, ramdisk_size);
    if (!image) return failure("the ramdisk ends after the last address");
    handover.image = *image;
  }
  if (const auto rsdp = params->get<std::uint64_t>(kRsdp); rsdp != 0) handover.rsdp = GuestAddress{rsdp};
  if (!is_reserved) return failure("the Linux boot parameters have too many ranges");
  return {};
}

}  // namespace hermitage::loader
