// I/O ports of x86_64.
#pragma once

#include <cstdint>

namespace guest::port {

inline void out8(std::uint16_t port, std::uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void out32(std::uint16_t port, std::uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
[[nodiscard]] inline auto in8(std::uint16_t port) -> std::uint8_t {
  std::uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
[[nodiscard]] inline auto in32(std::uint16_t port) -> std::uint32_t {
  std::uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

}  // namespace guest::port
