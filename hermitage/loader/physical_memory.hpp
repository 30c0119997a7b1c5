// Access to memory by physical addresses, as in the information for a loader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/entry/address.hpp"
#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/text.hpp"

namespace hermitage::loader {

using entry::GuestAddress;
using entry::GuestRange;

[[nodiscard]] constexpr auto size_of(GuestRange range) noexcept -> std::uint64_t {
  return range.end.value - range.start.value;
}

// [start, start + size), or nothing if the end does not fit.
[[nodiscard]] constexpr auto range_of(std::uint64_t start, std::uint64_t size) noexcept -> std::optional<GuestRange> {
  const auto end = entry::checked_add(start, size);
  if (!end) return std::nullopt;
  return GuestRange{{start}, {*end}};
}

[[nodiscard]] constexpr auto overlaps(GuestRange a, GuestRange b) noexcept -> bool {
  return a.start < b.end && b.start < a.end;
}

[[nodiscard]] constexpr auto contains(GuestRange outer, GuestRange inner) noexcept -> bool {
  return outer.start <= inner.start && inner.end <= outer.end;
}

// The only access to memory that was not linked with the loader. Untrusted addresses in tables must use it.
class PhysicalMemory {
 public:
  // All memory of the machine up to `end`, which must be identity-mapped.
  [[nodiscard]] static auto identity_mapped(GuestAddress end) noexcept -> PhysicalMemory {
    return PhysicalMemory{0, {{0}, end}};
  }

  // For tests: these bytes are all memory, from `start` on.
  PhysicalMemory(std::span<std::byte> bytes, GuestAddress start) noexcept
      : offset_{reinterpret_cast<std::uintptr_t>(bytes.data()) - start.value}, range_{start, start + bytes.size()} {}

  // Returns nothing if a part of the range does not exist, and for address 0.
  [[nodiscard]] auto bytes(std::uint64_t address, std::uint64_t size) const noexcept
      -> std::optional<std::span<std::byte>> {
    const auto range = range_of(address, size);
    if (address == 0 || !range || !contains(range_, *range)) return std::nullopt;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what others tell are numbers, and this is where they become pointers
    return std::span{reinterpret_cast<std::byte*>(address + offset_), size};
  }

  [[nodiscard]] auto bytes(GuestRange range) const noexcept -> std::optional<std::span<std::byte>> {
    if (range.end < range.start) return std::nullopt;
    return bytes(range.start.value, size_of(range));
  }

  // The same as a view of little-endian integers, the byte order of all tables of PCs.
  [[nodiscard]] auto view(std::uint64_t address, std::uint64_t size) const noexcept -> std::optional<entry::ByteView> {
    const auto found = bytes(address, size);
    if (!found) return std::nullopt;
    return entry::ByteView{*found, entry::Endian::little};
  }

  // The string at `address` up to its NUL, which must be in the first `limit` bytes.
  [[nodiscard]] auto text(std::uint64_t address, std::uint64_t limit) const noexcept -> std::optional<std::string_view>;

 private:
  PhysicalMemory(std::uintptr_t offset, GuestRange range) noexcept : offset_{offset}, range_{range} {}

  std::uintptr_t offset_;
  GuestRange range_;
};

inline auto PhysicalMemory::text(std::uint64_t address, std::uint64_t limit) const noexcept
    -> std::optional<std::string_view> {
  if (address == 0 || address < range_.start.value || address >= range_.end.value) return std::nullopt;
  const auto available = range_.end.value - address;
  const auto* const first = reinterpret_cast<const char*>(address + offset_);  // NOLINT(performance-no-int-to-ptr)
  const std::string_view window{first, limit < available ? limit : available};
  const auto length = entry::index_of(window, '\0');
  if (length == window.size()) return std::nullopt;
  return window.substr(0, length);
}

}  // namespace hermitage::loader
