// A function on the PCI bus: its configuration space, the ranges of its registers, its capabilities.
#pragma once

#include <cstdint>
#include <optional>

#include "guests/devices/mmio.hpp"
#include "guests/devices/pci_host.hpp"

namespace guest {

class PciFunction {
 public:
  static constexpr unsigned kBars = 6;

  // Finds the first function with this vendor and device ID, on bus 0 or behind bridges. Returns nullopt if none
  // exists.
  [[nodiscard]] static auto find(PciHost& host, std::uint16_t vendor, std::uint16_t device)
      -> std::optional<PciFunction>;

  [[nodiscard]] auto read8(std::uint8_t offset) const -> std::uint8_t;
  [[nodiscard]] auto read16(std::uint8_t offset) const -> std::uint16_t;
  [[nodiscard]] auto read32(std::uint8_t offset) const -> std::uint32_t { return host_->read(address_, offset); }
  void write16(std::uint8_t offset, std::uint16_t value) const;
  void write32(std::uint8_t offset, std::uint32_t value) const { host_->write(address_, offset, value); }

  // The I/O APIC's pin that its interrupt pin leads to, as firmware or the monitor says; nothing when it has none.
  [[nodiscard]] auto interrupt_line() const -> std::optional<std::uint8_t>;

  // Lets it answer at its memory ranges, and read and write memory. `uses_line`: and raise its interrupt line.
  void enable(bool uses_line) const;

  // Calls visit(id, offset) for each capability until it returns false. At most 48 of them, as there is room for.
  template <class Visitor>
  void for_each_capability(Visitor&& visit) const {
    if ((read16(kStatus) & kHasCapabilities) == 0) return;
    std::uint8_t offset = read8(kCapabilities) & kOffsetMask;
    for (int count = 0; offset >= kFirstCapability && count < kMostCapabilities; ++count) {
      if (!visit(read8(offset), offset)) return;
      offset = read8(static_cast<std::uint8_t>(offset + 1)) & kOffsetMask;
    }
  }

  // The registers [offset, offset + size) of memory range `bar`, mapped. Finds the range's size, and gives it an
  // address if it has none, or if it is to be moved. Nothing when there is no such range, or not so much of it.
  [[nodiscard]] auto map(unsigned bar, std::uint64_t offset, std::uint64_t size) -> std::optional<Mmio>;

  // From now on, each range gets another address than it has, when it is first mapped.
  void move_ranges() { moves_ = true; }

 private:
  static constexpr std::uint8_t kStatus = 0x06;
  static constexpr std::uint8_t kCapabilities = 0x34;
  static constexpr std::uint16_t kHasCapabilities = 1 << 4;
  static constexpr std::uint8_t kOffsetMask = 0xfc;
  static constexpr std::uint8_t kFirstCapability = 0x40;
  static constexpr int kMostCapabilities = 48;

  struct Range {
    bool is_known = false;
    std::uint64_t address = 0;
    std::uint64_t size = 0;  // in bytes; 0 if the BAR is not implemented
  };

  PciFunction(PciHost& host, PciAddress address) : host_{&host}, address_{address} {}
  // The bus that a bridge leads to; 0 when it is none.
  [[nodiscard]] auto bus_behind() const -> std::uint8_t;
  [[nodiscard]] auto find_range(unsigned bar) -> Range;

  PciHost* host_;
  PciAddress address_;
  bool moves_ = false;
  Range ranges_[kBars];
};

}  // namespace guest
