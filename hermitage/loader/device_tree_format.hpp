// The flattened device tree's header and tokens (Devicetree Specification 0.4, chapter 5). All numbers are big endian.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hermitage/entry/bytes.hpp"

namespace hermitage::loader::fdt {

inline constexpr std::uint32_t kMagic = 0xd00dfeed;
inline constexpr std::size_t kHeaderSize = 40;

// Offsets of the header's fields, 32 bits each.
inline constexpr std::size_t kMagicAt = 0;
inline constexpr std::size_t kTotalSizeAt = 4;
inline constexpr std::size_t kStructureAt = 8;
inline constexpr std::size_t kStringsAt = 12;
inline constexpr std::size_t kReservationsAt = 16;
inline constexpr std::size_t kVersionAt = 20;
inline constexpr std::size_t kLastCompatibleVersionAt = 24;
inline constexpr std::size_t kBootCpuAt = 28;
inline constexpr std::size_t kStringsSizeAt = 32;
inline constexpr std::size_t kStructureSizeAt = 36;

// The precondition is that of entry::read.
template <class T>
[[nodiscard]] auto read(entry::ByteView bytes, std::size_t offset) noexcept -> T {
  return entry::read<T, entry::Endian::big>(bytes.bytes(), offset);
}

inline constexpr std::uint32_t kBeginNode = 1;
inline constexpr std::uint32_t kEndNode = 2;
inline constexpr std::uint32_t kProperty = 3;
inline constexpr std::uint32_t kNop = 4;
inline constexpr std::uint32_t kEnd = 9;

}  // namespace hermitage::loader::fdt
