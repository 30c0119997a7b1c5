// Registers and structures in memory that a device also accesses. All are little endian, for every kernel.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>

#include "hermitage/entry/bytes.hpp"

namespace guest {

// A value in memory. Each access reads or writes the whole value in memory.
template <std::unsigned_integral T>
class Little {
 public:
  [[nodiscard]] auto get() const -> T { return swapped(*const_cast<const volatile T*>(&value_)); }
  void set(T value) { *const_cast<volatile T*>(&value_) = swapped(value); }

 private:
  static auto swapped(T value) -> T {
    return hermitage::entry::kNativeEndian == hermitage::entry::Endian::big ? hermitage::entry::swap_bytes(value)
                                                                            : value;
  }
  T value_{};
};

// A range of registers. Offsets must be aligned and inside the range.
class Mmio {
 public:
  Mmio() = default;
  explicit Mmio(std::uint64_t address) : address_{address} {}

  template <std::unsigned_integral T>
  [[nodiscard]] auto get(std::uint64_t offset) const -> T {
    return reinterpret_cast<const Little<T>*>(address_ + offset)->get();
  }
  template <std::unsigned_integral T>
  void set(std::uint64_t offset, T value) const {
    reinterpret_cast<Little<T>*>(address_ + offset)->set(value);
  }
  [[nodiscard]] auto from(std::uint64_t offset) const -> Mmio { return Mmio{address_ + offset}; }

 private:
  std::uint64_t address_ = 0;
};

// A device sees accesses before the barrier before those after it, for memory and registers.
inline void device_barrier() {
#if defined(__x86_64__)
  asm volatile("mfence" : : : "memory");
#elif defined(__aarch64__)
  asm volatile("dsb sy" : : : "memory");
#else
  asm volatile("fence iorw, iorw" : : : "memory");
#endif
}

// The same for memory only, except for a read after a write.
inline void memory_barrier() {
#if defined(__x86_64__)
  asm volatile("" : : : "memory");
#elif defined(__aarch64__)
  asm volatile("dmb sy" : : : "memory");
#else
  asm volatile("fence rw, rw" : : : "memory");
#endif
}

// The address of this kernel's memory for a device. The memory is identity-mapped.
template <class T>
[[nodiscard]] auto device_address_of(const T* object) -> std::uint64_t {
  return reinterpret_cast<std::uint64_t>(object);
}

}  // namespace guest
