#include "guests/network/arp.hpp"

namespace guest::network {
namespace {

constexpr std::uint16_t kHardwareEthernet = 1;
constexpr std::uint16_t kProtocolIpv4 = 0x0800;
constexpr std::uint16_t kAddressSizes = MacAddress::kSize << 8 | 4;

}  // namespace

auto ArpPacket::parse(ConstBytes bytes) -> std::optional<ArpPacket> {
  if (bytes.size() < kArpSize) return std::nullopt;
  if (get16(bytes, 0) != kHardwareEthernet || get16(bytes, 2) != kProtocolIpv4) return std::nullopt;
  const auto operation = get16(bytes, 6);
  if (get16(bytes, 4) != kAddressSizes || operation < 1 || operation > 2) return std::nullopt;
  const ArpPacket packet{.operation = static_cast<Operation>(operation),
                         .sender_mac = get_mac(bytes, 8),
                         .sender = {get32(bytes, 14)},
                         .target_mac = get_mac(bytes, 18),
                         .target = {get32(bytes, 24)}};
  // A sender without an address asks whether its intended address is in use (RFC 5227).
  if (packet.sender_mac.is_group() || !(packet.sender.is_host() || packet.sender.is_none())) return std::nullopt;
  return packet;
}

void ArpPacket::write(Bytes bytes) const {
  put16(bytes, 0, kHardwareEthernet);
  put16(bytes, 2, kProtocolIpv4);
  put16(bytes, 4, kAddressSizes);
  put16(bytes, 6, static_cast<std::uint16_t>(operation));
  put_mac(bytes, 8, sender_mac);
  put32(bytes, 14, sender.value);
  put_mac(bytes, 18, target_mac);
  put32(bytes, 24, target.value);
}

}  // namespace guest::network
