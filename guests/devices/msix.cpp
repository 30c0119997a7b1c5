#include "guests/devices/msix.hpp"

namespace guest {
namespace {

constexpr std::uint8_t kCapability = 0x11;
constexpr std::uint8_t kControl = 2;
constexpr std::uint8_t kTable = 4;
constexpr std::uint16_t kSizeMask = 0x7ff;
constexpr std::uint16_t kEnable = 1 << 15;
constexpr std::uint16_t kMaskAll = 1 << 14;
constexpr std::uint32_t kBarMask = 0x7;

// Fields of a table entry.
constexpr std::uint64_t kEntrySize = 16;
constexpr std::uint64_t kAddress = 0;
constexpr std::uint64_t kAddressHigh = 4;
constexpr std::uint64_t kData = 8;
constexpr std::uint64_t kVectorControl = 12;
constexpr std::uint32_t kMasked = 1;

}  // namespace

auto Msix::enable(PciFunction& function) -> std::optional<Msix> {
  std::uint8_t at = 0;
  function.for_each_capability([&](std::uint8_t id, std::uint8_t offset) {
    if (id == kCapability) at = offset;
    return at == 0;
  });
  if (at == 0) return std::nullopt;
  const auto control_at = static_cast<std::uint8_t>(at + kControl);
  const auto control = function.read16(control_at);
  const auto size = static_cast<std::uint16_t>((control & kSizeMask) + 1);
  const auto table = function.read32(static_cast<std::uint8_t>(at + kTable));
  const auto registers = function.map(table & kBarMask, table & ~kBarMask, size * kEntrySize);
  if (!registers) return std::nullopt;
  function.write16(control_at, static_cast<std::uint16_t>(control | kEnable | kMaskAll));
  for (std::uint16_t i = 0; i < size; ++i) registers->set(i * kEntrySize + kVectorControl, kMasked);
  function.write16(control_at, static_cast<std::uint16_t>((control | kEnable) & ~kMaskAll));
  return Msix{*registers, size};
}

void Msix::set(std::uint16_t index, std::uint64_t address, std::uint32_t data) const {
  const auto entry = table_.from(index * kEntrySize);
  entry.set(kAddress, static_cast<std::uint32_t>(address));
  entry.set(kAddressHigh, static_cast<std::uint32_t>(address >> 32));
  entry.set(kData, data);
  entry.set<std::uint32_t>(kVectorControl, 0);
}

}  // namespace guest
