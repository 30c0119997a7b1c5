// The configuration space of a PCI function: PCI Local Bus Specification 3.0, chapter 6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::vmm::pci {

// 256 bytes. Each bit is read-only or writable for the guest. The read-only address bits of a BAR tell the guest its
// size. For one thread at a time.
class ConfigSpace {
 public:
  static constexpr std::size_t kSize = 256;

  struct Identity {
    std::uint16_t vendor;
    std::uint16_t device;
    std::uint8_t revision;
    std::uint32_t class_code;  // 24 bits: class, subclass, interface
    std::uint16_t subsystem_vendor = 0;
    std::uint16_t subsystem = 0;
  };

  // Makes a header of type 0.
  explicit ConfigSpace(const Identity& identity) noexcept;

  // Sets a register, and which of its bits the guest can write. Precondition, also of get(): the register is in the
  // space.
  template <std::unsigned_integral T>
  void set(std::size_t offset, T value, T writable = 0) noexcept {
    entry::write<T, entry::Endian::little>(values_, offset, value);
    entry::write<T, entry::Endian::little>(writable_, offset, writable);
  }
  template <std::unsigned_integral T>
  [[nodiscard]] auto get(std::size_t offset) const noexcept -> T {
    return entry::read<T, entry::Endian::little>(values_, offset);
  }

  // Sets a 64-bit memory BAR, which uses two registers. `address` is the address that firmware would assign. `size` is
  // a power of two, at least 16.
  void set_bar64(unsigned bar, std::uint64_t address, std::uint64_t size) noexcept;
  [[nodiscard]] auto bar64(unsigned bar) const noexcept -> std::uint64_t;

  // Appends a capability. `rest` is its content after the first two bytes, which are its ID and a link. Returns its
  // offset. Precondition: it fits.
  auto add_capability(std::uint8_t id, std::span<const std::byte> rest) noexcept -> std::size_t;

  // Handles an access of the guest, of any size and offset. Bytes outside the space read as ones, and writes to them
  // have no effect.
  void read(std::size_t offset, std::span<std::byte> data) const noexcept;
  void write(std::size_t offset, std::span<const std::byte> data) noexcept;

 private:
  std::array<std::byte, kSize> values_{};
  std::array<std::byte, kSize> writable_{};
  std::size_t last_link_ = 0x34;  // offset of the link to the next capability; initially PCI_CAPABILITY_LIST
  std::size_t end_ = 0x40;        // the end of the capabilities
};

}  // namespace hermitage::vmm::pci
