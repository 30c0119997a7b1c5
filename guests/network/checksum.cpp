#include "guests/network/checksum.hpp"

namespace guest::network {
namespace {

// The byte order of the sum's parts only affects the byte order of the result.
auto native32(ConstBytes bytes, std::size_t at) -> std::uint32_t {
  return entry::read<std::uint32_t, entry::kNativeEndian>(bytes, at);
}

auto to_native(std::uint32_t value) -> std::uint32_t {
  return entry::kNativeEndian == entry::Endian::big ? value : entry::swap_bytes(value);
}

}  // namespace

void Checksum::add(ConstBytes bytes) {
  std::size_t at = 0;
  for (; at + 16 <= bytes.size(); at += 16) {
    add_word(native32(bytes, at));
    add_word(native32(bytes, at + 4));
    add_word(native32(bytes, at + 8));
    add_word(native32(bytes, at + 12));
  }
  for (; at + 4 <= bytes.size(); at += 4) add_word(native32(bytes, at));
  std::uint32_t rest = 0;
  for (unsigned shift = 24; at < bytes.size(); ++at, shift -= 8) {
    rest |= static_cast<std::uint32_t>(get8(bytes, at)) << shift;
  }
  add_word(to_native(rest));
}

// The bytes before an IPv4 address in an IpAddress are 0 or 0xffff, which do not change the sum.
void Checksum::add_pseudo_header(const IpAddress& source, const IpAddress& destination, Protocol protocol,
                                 std::size_t size) {
  add(std::as_bytes(std::span{source.ipv6().bytes}));
  add(std::as_bytes(std::span{destination.ipv6().bytes}));
  add_word(to_native(static_cast<std::uint8_t>(protocol)));
  add_word(to_native(static_cast<std::uint32_t>(size)));
}

auto Checksum::sum() const -> std::uint16_t {
  std::uint64_t sum = sum_;
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  const auto folded = static_cast<std::uint16_t>(sum);
  return entry::kNativeEndian == entry::Endian::big ? folded : entry::swap_bytes(folded);
}

auto checksum_of(ConstBytes bytes) -> std::uint16_t {
  Checksum checksum;
  checksum.add(bytes);
  return checksum.value();
}

}  // namespace guest::network
