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

  // Its place on the bus.
  [[nodiscard]] auto slot() const -> std::uint8_t { return address_.device; }

  // The I/O APIC's pin of its interrupt pin, as firmware or the monitor has set it. Nothing if it has none.
  [[nodiscard]] auto interrupt_line() const -> std::optional<std::uint8_t>;

  // Enables the function's memory ranges and its access to memory. `uses_line`: also enables its interrupt line.
  void enable(bool uses_line) const;

  // Calls visit(id, offset) for each capability until it returns false. Visits at most 48, the largest possible
  // number.
  template <class Visitor>
  void for_each_capability(Visitor&& visit) const {
    if ((read16(kStatus) & kHasCapabilities) == 0) return;
    std::uint8_t offset = read8(kCapabilities) & kOffsetMask;
    for (int count = 0; offset >= kFirstCapability && count < kMostCapabilities; ++count) {
      if (!visit(read8(offset), offset)) return;
      offset = read8(static_cast<std::uint8_t>(offset + 1)) & kOffsetMask;
    }
  }

  // Maps the registers [offset, offset + size) of memory range `bar`. Finds the range's size, and sets an address if
  // it has none, or after move_ranges(). Returns nothing if the range does not exist or is too small.
  [[nodiscard]] auto map(unsigned bar, std::uint64_t offset, std::uint64_t size) -> std::optional<Mmio>;

  // From now on, the first mapping of each range moves it to another address.
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
  // The bus behind a bridge; 0 if the function is not a bridge.
  [[nodiscard]] auto bus_behind() const -> std::uint8_t;
  [[nodiscard]] auto find_range(unsigned bar) -> Range;

  PciHost* host_;
  PciAddress address_;
  bool moves_ = false;
  Range ranges_[kBars];
};

}  // namespace guest
