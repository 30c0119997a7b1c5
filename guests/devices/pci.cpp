#include "guests/devices/pci.hpp"

#include "guests/devices/address_space.hpp"

namespace guest {
namespace {

constexpr std::uint8_t kId = 0x00;
constexpr std::uint8_t kCommand = 0x04;
constexpr std::uint8_t kHeaderType = 0x0e;
constexpr std::uint8_t kFirstBar = 0x10;
constexpr std::uint8_t kSecondaryBus = 0x19;
constexpr std::uint8_t kInterruptLine = 0x3c;
constexpr std::uint8_t kInterruptPin = 0x3d;

constexpr std::uint16_t kMemoryEnable = 1 << 1;
constexpr std::uint16_t kBusMaster = 1 << 2;
constexpr std::uint16_t kLineDisable = 1 << 10;
constexpr std::uint8_t kHasManyFunctions = 1 << 7;
constexpr std::uint8_t kBridge = 1;

constexpr std::uint32_t kIsPort = 1;
constexpr std::uint32_t kType = 0x6;
constexpr std::uint32_t kType64 = 0x4;
constexpr std::uint32_t kFlags = 0xf;

}  // namespace

auto PciFunction::find(PciHost& host, std::uint16_t vendor, std::uint16_t device) -> std::optional<PciFunction> {
  const auto wanted = static_cast<std::uint32_t>(device) << 16 | vendor;
  unsigned buses = 1;  // as far as known bridges lead
  for (unsigned bus = 0; bus < buses; ++bus) {
    for (std::uint8_t slot = 0; slot < 32; ++slot) {
      PciFunction function{host, {.bus = static_cast<std::uint8_t>(bus), .device = slot}};
      if (function.read32(kId) == ~0U) continue;
      const auto count = (function.read8(kHeaderType) & kHasManyFunctions) != 0 ? 8 : 1;
      for (; function.address_.function < count; ++function.address_.function) {
        if (function.read32(kId) == wanted) return function;
        const auto behind = function.bus_behind();
        if (behind >= buses && behind < host.buses()) buses = behind + 1U;
      }
    }
  }
  return std::nullopt;
}

auto PciFunction::bus_behind() const -> std::uint8_t {
  const bool is_bridge = read32(kId) != ~0U && (read8(kHeaderType) & ~kHasManyFunctions) == kBridge;
  return is_bridge ? read8(kSecondaryBus) : 0;
}

auto PciFunction::read8(std::uint8_t offset) const -> std::uint8_t {
  return static_cast<std::uint8_t>(read32(offset & 0xfc) >> 8 * (offset & 3));
}

auto PciFunction::read16(std::uint8_t offset) const -> std::uint16_t {
  return static_cast<std::uint16_t>(read32(offset & 0xfc) >> 8 * (offset & 2));
}

void PciFunction::write16(std::uint8_t offset, std::uint16_t value) const {
  // Write zeros to the other half: for the command register, it is the status, whose bits are cleared by ones.
  const unsigned shift = 8 * (offset & 2);
  const auto kept = (offset & 0xfc) == kCommand ? 0 : read32(offset & 0xfc) & ~(0xffffU << shift);
  write32(offset & 0xfc, kept | static_cast<std::uint32_t>(value) << shift);
}

auto PciFunction::interrupt_line() const -> std::optional<std::uint8_t> {
  const auto line = read8(kInterruptLine);
  if (read8(kInterruptPin) == 0 || line >= 24) return std::nullopt;
  return line;
}

void PciFunction::enable(bool uses_line) const {
  auto command = static_cast<std::uint16_t>(read16(kCommand) | kMemoryEnable | kBusMaster | kLineDisable);
  if (uses_line) command = static_cast<std::uint16_t>(command & ~kLineDisable);
  write16(kCommand, command);
}

// While the address is all ones, the function must not respond to accesses.
auto PciFunction::find_range(unsigned bar) -> Range {
  const auto at = static_cast<std::uint8_t>(kFirstBar + 4 * bar);
  const auto next = static_cast<std::uint8_t>(at + 4);
  const auto low = read32(at);
  if ((low & kIsPort) != 0) return {.is_known = true};
  const bool is_64 = (low & kType) == kType64 && bar + 1 < kBars;
  const auto high = is_64 ? read32(next) : 0;
  const auto command = read16(kCommand);
  write16(kCommand, static_cast<std::uint16_t>(command & ~kMemoryEnable));
  write32(at, ~0U);
  std::uint64_t mask = read32(at) & ~kFlags;
  if (mask != 0) mask |= std::uint64_t{0xffff'ffff} << 32;
  if (is_64) {
    write32(next, ~0U);
    mask = (mask & 0xffff'ffff) | static_cast<std::uint64_t>(read32(next)) << 32;
  }
  Range range{.is_known = true, .address = static_cast<std::uint64_t>(high) << 32 | (low & ~kFlags), .size = ~mask + 1};
  const auto place = range.size != 0 && (range.address == 0 || moves_) ? host_->allocate(range.size) : 0;
  if (place != 0) range.address = place;
  if (range.address == 0) range.size = 0;
  write32(at, static_cast<std::uint32_t>(range.address) | (low & kFlags));
  if (is_64) write32(next, static_cast<std::uint32_t>(range.address >> 32));
  write16(kCommand, command);
  return range;
}

auto PciFunction::map(unsigned bar, std::uint64_t offset, std::uint64_t size) -> std::optional<Mmio> {
  if (bar >= kBars) return std::nullopt;
  auto& range = ranges_[bar];
  if (!range.is_known) range = find_range(bar);
  if (!hermitage::entry::range_fits(offset, size, range.size)) return std::nullopt;
  map_device(range.address + offset, size);
  return Mmio{range.address + offset};
}

}  // namespace guest
