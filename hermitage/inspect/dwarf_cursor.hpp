// Reads values of DWARF debug information.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::inspect {

// Reads from the beginning of the bytes. After an attempt to read beyond their end, all values are zero.
class DwarfCursor {
 public:
  explicit DwarfCursor(entry::ByteView bytes) : bytes_{bytes} {}

  [[nodiscard]] auto is_good() const -> bool { return is_good_; }
  [[nodiscard]] auto is_at_end() const -> bool { return !is_good_ || at_ == bytes_.size(); }
  [[nodiscard]] auto at() const -> std::size_t { return at_; }

  template <std::unsigned_integral T>
  auto number() -> T {
    if (!take(sizeof(T))) return 0;
    return bytes_.get<T>(at_ - sizeof(T));
  }

  // An offset in DWARF's 32-bit or 64-bit format.
  auto offset(bool is_64_bit) -> std::uint64_t { return is_64_bit ? number<std::uint64_t>() : number<std::uint32_t>(); }

  // LEB128, signed or unsigned. Bits above 64 are ignored.
  auto leb128() -> std::uint64_t {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += shift < 63 ? 7 : 0) {
      const auto byte = number<std::uint8_t>();
      if (shift < 64) value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
  }

  auto signed_leb128() -> std::int64_t {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += shift < 70 ? 7 : 0) {
      const auto byte = number<std::uint8_t>();
      if (shift < 64) value |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) != 0) continue;
      constexpr unsigned kSign = 0x40;
      if (shift + 7 < 64 && (byte & kSign) != 0) value |= UINT64_MAX << (shift + 7);
      return static_cast<std::int64_t>(value);
    }
  }

  auto string() -> std::string_view {
    const auto rest = bytes_.text().substr(at_);
    const auto size = rest.find('\0');
    if (size == std::string_view::npos || !is_good_) {
      is_good_ = false;
      return {};
    }
    at_ += size + 1;
    return rest.substr(0, size);
  }

  auto bytes(std::uint64_t size) -> entry::ByteView {
    if (!take(size)) return {};
    return *bytes_.slice(at_ - size, size);
  }

 private:
  auto take(std::uint64_t size) -> bool {
    is_good_ = is_good_ && size <= bytes_.size() - at_;
    if (is_good_) at_ += size;
    return is_good_;
  }

  entry::ByteView bytes_;
  std::size_t at_ = 0;
  bool is_good_ = true;
};

}  // namespace hermitage::inspect
