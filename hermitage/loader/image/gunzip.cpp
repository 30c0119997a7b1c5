#include "hermitage/loader/image/gunzip.hpp"

#include <array>
#include <cstdint>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/loader/image/inflate.hpp"

namespace hermitage::loader {
namespace {

using Bytes = std::span<const std::byte>;

constexpr const char* kTruncated = "the image is truncated within its gzip data";

class Crc32 {
 public:
  constexpr Crc32() noexcept {
    constexpr std::uint32_t kPolynomial = 0xedb88320;
    for (std::uint32_t i = 0; i < table_.size(); ++i) {
      auto value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value % 2 == 0 ? 0 : kPolynomial);
      table_[i] = value;
    }
  }

  [[nodiscard]] constexpr auto of(Bytes bytes) const noexcept -> std::uint32_t {
    std::uint32_t crc = ~std::uint32_t{0};
    for (const auto byte : bytes) crc = crc >> 8 ^ table_[(crc ^ std::to_integer<std::uint32_t>(byte)) % table_.size()];
    return ~crc;
  }

 private:
  std::array<std::uint32_t, 256> table_{};
};

// A little-endian number of `size` bytes at `place`, which must exist.
auto number_at(Bytes bytes, std::size_t place, std::size_t size) noexcept -> std::uint32_t {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint32_t>(bytes[place + i]) << (8 * i);
  return value;
}

// The size of the gzip header at the beginning of the bytes.
auto header_size(Bytes bytes, const Crc32& crc) noexcept -> Result<std::size_t> {
  constexpr std::size_t kFixedSize = 10;
  constexpr std::uint32_t kMagicAndDeflate = 0x088b1f;
  enum Flag : std::uint32_t { header_crc = 2, extra = 4, name = 8, comment = 16, reserved = 0xe0 };

  if (bytes.size() < kFixedSize) return failure(kTruncated);
  if (number_at(bytes, 0, 3) != kMagicAndDeflate) return failure("the image has a damaged gzip header");
  const auto flags = number_at(bytes, 3, 1);
  if ((flags & Flag::reserved) != 0) return failure("the image has a gzip header with unknown flags");

  std::size_t size = kFixedSize;
  if ((flags & Flag::extra) != 0) {
    if (bytes.size() - size < 2) return failure(kTruncated);
    const auto extra_size = number_at(bytes, size, 2);
    size += 2;
    if (bytes.size() - size < extra_size) return failure(kTruncated);
    size += extra_size;
  }
  for (const auto text : {Flag::name, Flag::comment}) {
    if ((flags & text) == 0) continue;
    while (size < bytes.size() && bytes[size] != std::byte{}) ++size;
    if (size == bytes.size()) return failure(kTruncated);
    ++size;
  }
  if ((flags & Flag::header_crc) != 0) {
    if (bytes.size() - size < 2) return failure(kTruncated);
    if (number_at(bytes, size, 2) != (crc.of(bytes.first(size)) & 0xffff)) {
      return failure("the image has a damaged gzip header: wrong checksum");
    }
    size += 2;
  }
  return size;
}

// Decompresses the member at the beginning of the bytes. Returns nothing if the output is too small.
auto read_member(Bytes bytes, std::span<std::byte> output, const Crc32& crc) noexcept
    -> Result<std::optional<Inflated>> {
  constexpr std::size_t kTrailerSize = 8;
  const auto header = header_size(bytes, crc);
  if (!header) return std::unexpected{header.error()};
  auto member = inflate(bytes.subspan(*header), output);
  if (!member) {
    switch (member.error()) {
      case InflateProblem::truncated: return failure(kTruncated);
      case InflateProblem::damaged: return failure("the image has damaged gzip data");
      case InflateProblem::output_full: return std::nullopt;
    }
  }
  member->read += *header;
  const auto trailer = bytes.subspan(member->read);
  if (trailer.size() < kTrailerSize) return failure(kTruncated);
  if (number_at(trailer, 0, 4) != crc.of(output.first(member->written))) {
    return failure("the image has damaged gzip data: wrong checksum");
  }
  if (number_at(trailer, 4, 4) != static_cast<std::uint32_t>(member->written)) {
    return failure("the image has damaged gzip data: wrong size");
  }
  member->read += kTrailerSize;
  return *member;
}

}  // namespace

auto stated_size_of_gzip(std::span<const std::byte> file) noexcept -> std::uint64_t {
  constexpr std::size_t kSize = 4;
  return file.size() < kSize ? 0 : number_at(file, file.size() - kSize, kSize);
}

auto gunzip(std::span<const std::byte> file, std::span<std::byte> output) noexcept
    -> Result<std::optional<std::size_t>> {
  constexpr std::byte kFirstMagicByte{0x1f};
  if (file.empty()) return failure("the image is empty");
  if (file[0] != kFirstMagicByte) return failure("the image is not gzip data");
  const Crc32 crc;
  std::size_t written = 0;
  while (!entry::is_zero(file)) {
    if (file[0] != kFirstMagicByte) return failure("the image has data after its gzip data");
    const auto member = read_member(file, output.subspan(written), crc);
    if (!member) return std::unexpected{member.error()};
    if (!*member) return std::nullopt;
    file = file.subspan((*member)->read);
    written += (*member)->written;
  }
  return written;
}

}  // namespace hermitage::loader
