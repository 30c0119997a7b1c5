#include "hermitage/entry/format.hpp"

#include "hermitage/entry/bytes.hpp"

namespace hermitage::entry {

auto detect_format(std::span<const std::byte> bytes) noexcept -> Format {
  if (bytes.size() < sizeof(std::uint32_t)) return Format::unknown;
  const auto magic = read<std::uint32_t, Endian::big>(bytes, 0);
  if (magic == 0x7f454c46) return Format::elf;
  if (magic >> 8 == 0x1f8b08) return Format::gzip;
  return Format::unknown;
}

}  // namespace hermitage::entry
