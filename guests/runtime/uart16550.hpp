// The serial port of PCs, and of QEMU's riscv64 machine `virt`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace guest::machine {

// Port: access to the eight registers.
template <class Port>
struct Uart16550 {
  static constexpr unsigned kData = 0;
  static constexpr unsigned kLineStatus = 5;
  static constexpr std::uint8_t kDataReady = 1 << 0;
  static constexpr std::uint8_t kTransmitterEmpty = 1 << 5;

  Port port;

  void write(std::byte byte) const {
    while ((port.get(kLineStatus) & kTransmitterEmpty) == 0) {
    }
    port.set(kData, static_cast<std::uint8_t>(byte));
  }

  [[nodiscard]] auto read() const -> std::optional<std::byte> {
    if ((port.get(kLineStatus) & kDataReady) == 0) return std::nullopt;
    return static_cast<std::byte>(port.get(kData));
  }
};

}  // namespace guest::machine
