// Untrusted bytes, and the only functions that decode numbers from them.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

#include "hermitage/entry/build.hpp"
#include "hermitage/entry/compiler.hpp"

namespace hermitage::entry {

static_assert(sizeof(std::size_t) == sizeof(std::uint64_t), "file and guest sizes are held in size_t");

// The byte order of a file or a guest: a run-time value, independent of the host's byte order.
enum class Endian : std::uint8_t { little, big };

inline constexpr Endian kNativeEndian = std::endian::native == std::endian::big ? Endian::big : Endian::little;

// Like std::byteswap, but without a call into the compiler's library on machines without such an instruction.
template <std::unsigned_integral T>
[[nodiscard]] constexpr auto swap_bytes(T value) noexcept -> T {
  std::uint64_t bits = value;
  bits = (bits & 0x00ff00ff00ff00ff) << 8 | (bits >> 8 & 0x00ff00ff00ff00ff);
  bits = (bits & 0x0000ffff0000ffff) << 16 | (bits >> 16 & 0x0000ffff0000ffff);
  bits = bits << 32 | bits >> 32;
  return static_cast<T>(bits >> (64 - 8 * sizeof(T)));
}

// Reads an integer of byte order `order` at `offset`, which may be unaligned.
// Precondition: offset + sizeof(T) <= bytes.size().
//
// Uses __builtin_memcpy: with -ffreestanding, std::memcpy would be a function call for each integer.
template <std::unsigned_integral T, Endian order>
[[nodiscard]] inline auto read(std::span<const std::byte> bytes, std::size_t offset) noexcept -> T {
  T value;
  __builtin_memcpy(&value, bytes.data() + offset, sizeof value);
  if constexpr (order != kNativeEndian) value = swap_bytes(value);
  return value;
}

template <std::unsigned_integral T>
[[nodiscard]] inline auto read(std::span<const std::byte> bytes, std::size_t offset, Endian order) noexcept -> T {
  if constexpr (!kHasBothByteOrders) return read<T, kNativeEndian>(bytes, offset);
  return order == Endian::little ? read<T, Endian::little>(bytes, offset) : read<T, Endian::big>(bytes, offset);
}

// Writes an integer in byte order `order` at `offset`. The precondition is the same as for `read`.
template <std::unsigned_integral T, Endian order>
inline void write(std::span<std::byte> bytes, std::size_t offset, T value) noexcept {
  if constexpr (order != kNativeEndian) value = swap_bytes(value);
  __builtin_memcpy(bytes.data() + offset, &value, sizeof value);
}

template <std::unsigned_integral T>
inline void write(std::span<std::byte> bytes, std::size_t offset, T value, Endian order) noexcept {
  if constexpr (!kHasBothByteOrders) order = kNativeEndian;
  order == Endian::little ? write<T, Endian::little>(bytes, offset, value)
                          : write<T, Endian::big>(bytes, offset, value);
}

// A temporary that owns its bytes, such as a vector that a function returns. A view of them would dangle.
template <class Owner>
concept TemporaryBytes = !std::is_reference_v<Owner> && !std::ranges::borrowed_range<Owner> &&
                         std::convertible_to<Owner, std::span<const std::byte>>;

// Returns a + b, or nothing if the sum does not fit.
[[nodiscard]] constexpr auto checked_add(std::uint64_t a, std::uint64_t b) noexcept -> std::optional<std::uint64_t> {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

// Whether [offset, offset + size) lies within [0, limit). Accepts any values.
[[nodiscard]] constexpr auto range_fits(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) noexcept
    -> bool {
  return offset <= limit && size <= limit - offset;
}

// Like std::has_single_bit, but without a call into the compiler's library on machines without such an instruction.
[[nodiscard]] constexpr auto is_power_of_two(std::uint64_t value) noexcept -> bool {
  return value != 0 && (value & (value - 1)) == 0;
}

// Rounds `value` up to a multiple of `alignment`, a power of two. Returns nothing if the result does not fit.
[[nodiscard]] constexpr auto checked_align_up(std::uint64_t value, std::uint64_t alignment) noexcept
    -> std::optional<std::uint64_t> {
  const auto sum = checked_add(value, alignment - 1);
  if (!sum) return std::nullopt;
  return *sum & ~(alignment - 1);
}

// Returns the bytes as characters, without validation.
[[nodiscard]] inline auto text_of(std::span<const std::byte> bytes) noexcept -> std::string_view {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Whether all bytes are zero. Stops at the first other byte.
[[nodiscard]] constexpr auto is_zero(std::span<const std::byte> bytes) noexcept -> bool {
  for (const auto byte : bytes) {
    if (byte != std::byte{}) return false;
  }
  return true;
}

// A range of bytes with its byte order. It does not own the bytes and must not outlive them.
class ByteView {
 public:
  constexpr ByteView() noexcept = default;
  constexpr ByteView(std::span<const std::byte> bytes, Endian endian) noexcept : bytes_{bytes}, endian_{endian} {}

  [[nodiscard]] constexpr auto bytes() const noexcept -> std::span<const std::byte> { return bytes_; }
  [[nodiscard]] constexpr auto size() const noexcept -> std::size_t { return bytes_.size(); }
  [[nodiscard]] constexpr auto empty() const noexcept -> bool { return bytes_.empty(); }
  [[nodiscard]] constexpr auto endian() const noexcept -> Endian {
    return kHasBothByteOrders ? endian_ : kNativeEndian;
  }

  // Precondition: offset + sizeof(T) <= size().
  template <std::unsigned_integral T>
  [[nodiscard]] auto get(std::size_t offset) const noexcept -> T {
    return read<T>(bytes_, offset, endian_);
  }

  [[nodiscard]] auto text() const noexcept -> std::string_view { return text_of(bytes_); }

  // Returns the bytes [offset, offset + size), or nothing if a part of them does not exist. Accepts any values.
  [[nodiscard]] constexpr auto slice(std::uint64_t offset, std::uint64_t size) const noexcept
      -> std::optional<ByteView> {
    if (!range_fits(offset, size, bytes_.size())) return std::nullopt;
    return ByteView{bytes_.subspan(offset, size), endian_};
  }

  // Returns the part of [offset, offset + size) that exists.
  [[nodiscard]] constexpr auto clamped_slice(std::uint64_t offset, std::uint64_t size) const noexcept -> ByteView {
    if (offset >= bytes_.size()) return ByteView{{}, endian_};
    const std::uint64_t available = bytes_.size() - offset;
    return ByteView{bytes_.subspan(offset, size < available ? size : available), endian_};
  }

 private:
  std::span<const std::byte> bytes_;
  Endian endian_ = Endian::little;
};

}  // namespace hermitage::entry
