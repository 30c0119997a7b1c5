#include "guests/devices/pci_host.hpp"

#include "guests/devices/address_space.hpp"
#include "guests/devices/mmio.hpp"
#include "guests/runtime/device_tree.hpp"
#include "guests/runtime/guest.hpp"

#if defined(__x86_64__)
#include "guests/devices/port.hpp"
#endif

namespace guest {

auto PciHost::allocate(std::uint64_t size) -> std::uint64_t {
  if (size > window_end_) return 0;
  const auto place = (next_ + size - 1) & ~(size - 1);
  if (place > window_end_ - size) return 0;
  next_ = place + size;
  return place;
}

#if defined(__x86_64__)

namespace {

constexpr std::uint16_t kAddressPort = 0xcf8;
constexpr std::uint16_t kDataPort = 0xcfc;

// Below the I/O APIC, and above the memory of a PC with up to 3 GiB and the devices that firmware places.
constexpr std::uint64_t kWindow = 0xe000'0000;
constexpr std::uint64_t kWindowEnd = 0xf000'0000;

void select(PciAddress address, std::uint8_t offset) {
  constexpr std::uint32_t kEnable = 1U << 31;
  port::out32(kAddressPort, kEnable | static_cast<std::uint32_t>(address.bus) << 16 |
                                static_cast<std::uint32_t>(address.device) << 11 |
                                static_cast<std::uint32_t>(address.function) << 8 | (offset & 0xfcU));
}

}  // namespace

auto PciHost::find() -> std::optional<PciHost> {
  return PciHost{0, 256, kWindow, kWindowEnd};
}

auto PciHost::read(PciAddress address, std::uint8_t offset) const -> std::uint32_t {
  select(address, offset);
  return port::in32(kDataPort);
}

void PciHost::write(PciAddress address, std::uint8_t offset, std::uint32_t value) const {
  select(address, offset);
  port::out32(kDataPort, value);
}

#else

namespace {

constexpr std::uint64_t kBusSize = 1 << 20;

// The properties of a host bridge's node that were read so far.
struct Node {
  bool is_bridge = false;
  std::uint64_t ecam = 0;
  std::uint64_t window = 0;
  std::uint64_t window_size = 0;

  [[nodiscard]] auto is_complete() const -> bool { return is_bridge && ecam != 0 && window != 0; }
};

// The window for registers with 32-bit addresses. An entry has three cells for the bus address, two for the CPU's,
// and two for the size.
void read_ranges(const entry::ByteView& ranges, Node& node) {
  constexpr std::size_t kEntrySize = std::size_t{7} * 4;
  constexpr std::uint32_t kSpace = 0x03000000;
  constexpr std::uint32_t kMemory32 = 0x02000000;
  for (std::size_t at = 0; at + kEntrySize <= ranges.size(); at += kEntrySize) {
    if ((ranges.get<std::uint32_t>(at) & kSpace) != kMemory32) continue;
    const auto on_bus = ranges.get<std::uint64_t>(at + 4);
    if (on_bus != ranges.get<std::uint64_t>(at + 12)) continue;
    node.window = on_bus;
    node.window_size = ranges.get<std::uint64_t>(at + 20);
  }
}

auto find_node() -> Node {
  Node node;
  if (const auto tree = DeviceTree::of_boot_info()) {
    tree->walk([&](const DeviceTree::Item& item) {
      if (item.kind != DeviceTree::Kind::property) {
        node = {};
      } else if (item.name == "compatible") {
        node.is_bridge = item.value.text().starts_with("pci-host-ecam-generic");
      } else if (item.name == "reg" && item.value.size() >= 16) {
        node.ecam = item.value.get<std::uint64_t>(0);
      } else if (item.name == "ranges") {
        read_ranges(item.value, node);
      }
      return !node.is_complete();
    });
  }
  return node;
}

auto register_offset(PciAddress address, std::uint8_t offset) -> std::uint64_t {
  return static_cast<std::uint64_t>(address.bus) << 20 | static_cast<std::uint64_t>(address.device) << 15 |
         static_cast<std::uint64_t>(address.function) << 12 | (offset & 0xfcU);
}

}  // namespace

// Bus 0 only: no firmware has assigned numbers to the buses behind bridges.
auto PciHost::find() -> std::optional<PciHost> {
  const auto node = find_node();
  if (!node.is_complete()) return std::nullopt;
  map_device(node.ecam, kBusSize);
  return PciHost{node.ecam, 1, node.window, node.window + node.window_size};
}

auto PciHost::read(PciAddress address, std::uint8_t offset) const -> std::uint32_t {
  return Mmio{ecam_}.get<std::uint32_t>(register_offset(address, offset));
}

void PciHost::write(PciAddress address, std::uint8_t offset, std::uint32_t value) const {
  Mmio{ecam_}.set<std::uint32_t>(register_offset(address, offset), value);
}

#endif

}  // namespace guest
