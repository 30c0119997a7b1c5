// The configuration space of a PCI function: PCI Local Bus Specification 3.0, chapter 6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::vmm::pci {

// 256 bytes, each bit of which the guest may write or not. So a guest finds out the size of a BAR: the bits of an
// address below it cannot be written. By one thread at a time.
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

  // A header of type 0.
  explicit ConfigSpace(const Identity& identity) noexcept;

  // Sets a register, and which of its bits the guest may write. Precondition, as for get(): it lies in the space.
  template <std::unsigned_integral T>
  void set(std::size_t offset, T value, T writable = 0) noexcept {
    entry::write<T, entry::Endian::little>(values_, offset, value);
    entry::write<T, entry::Endian::little>(writable_, offset, writable);
  }
  template <std::unsigned_integral T>
  [[nodiscard]] auto get(std::size_t offset) const noexcept -> T {
    return entry::read<T, entry::Endian::little>(values_, offset);
  }

  // A 64-bit memory BAR, which takes two registers, with the address that firmware would give it. `size` is a power of
  // two, at least 16.
  void set_bar64(unsigned bar, std::uint64_t address, std::uint64_t size) noexcept;
  [[nodiscard]] auto bar64(unsigned bar) const noexcept -> std::uint64_t;

  // Puts a capability behind those that there are, with all of its bytes but the first two, which are its id and a
  // link. Returns its offset. Precondition: it fits.
  auto add_capability(std::uint8_t id, std::span<const std::byte> rest) noexcept -> std::size_t;

  // An access of the guest, of any size and offset. What lies outside reads as ones, and is not written.
  void read(std::size_t offset, std::span<std::byte> data) const noexcept;
  void write(std::size_t offset, std::span<const std::byte> data) noexcept;

 private:
  std::array<std::byte, kSize> values_{};
  std::array<std::byte, kSize> writable_{};
  std::size_t last_link_ = 0x34;  // where the next capability's offset goes: PCI_CAPABILITY_LIST at first
  std::size_t end_ = 0x40;        // of the capabilities
};

}  // namespace hermitage::vmm::pci
