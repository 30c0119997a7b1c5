// Passes any frames to a stack. The input consists of pieces. Two bytes before each piece are its size, and the kind
// of frame that contains it as payload. Ethernet and IP headers and the checksums of ICMPv6 are correct; checksums of
// TCP and UDP are not checked.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "guests/network/http.hpp"
#include "guests/network/icmp.hpp"
#include "guests/network/network_testing.hpp"
#include "guests/network/services.hpp"

namespace {

using namespace guest::network;  // NOLINT(google-build-using-namespace)

constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};
constexpr Ipv4Address kOwn{0x0a000001};
constexpr Ipv4Address kPeer{0x0a000002};
constexpr auto kOwnIpv6 = address_under(kLinkLocalPrefix, kMac);
constexpr auto kPeerIpv6 = address_under(kLinkLocalPrefix, kPeerMac);

auto arp_frame(ConstBytes piece) -> testing::Frame {
  testing::Frame frame(kEthernetHeaderSize + piece.size());
  write_ethernet_header(frame, kMac, kPeerMac, EtherType::arp);
  copy(Bytes{frame}.subspan(kEthernetHeaderSize), piece);
  return frame;
}

auto protocol_of(std::uint8_t kind, bool is_ipv6) -> Protocol {
  switch (kind % 8) {
    case 0:
    case 1: return is_ipv6 ? Protocol::icmpv6 : Protocol::icmp;
    case 2:
    case 3: return Protocol::udp;
    default: return Protocol::tcp;
  }
}

// The piece as the payload of a packet, or of an ARP frame, depending on `kind`.
auto frame_of(ConstBytes piece, std::uint8_t kind, Sequence acknowledged) -> testing::Frame {
  if (kind % 8 == 7) return arp_frame(piece);
  const bool is_ipv6 = kind % 16 >= 8;
  IpPacket packet{.source = is_ipv6 ? IpAddress{kPeerIpv6} : IpAddress{kPeer},
                  .destination = is_ipv6 ? IpAddress{kOwnIpv6} : IpAddress{kOwn},
                  .protocol = protocol_of(kind, is_ipv6),
                  .payload = {}};
  std::vector<std::byte> payload{piece.begin(), piece.end()};
  // To the port of a service, with an acknowledgement of the stack's data.
  if (kind % 8 == 6 && payload.size() >= kTcpHeaderSize) {
    put16(payload, 0, 1000);
    put16(payload, 2, kind < 128 ? 9975 : 7);
    put32(payload, 8, acknowledged.value + get8(payload, 8));
    put32(payload, 4, get16(payload, 6));
  }
  if (packet.protocol == Protocol::icmpv6 && payload.size() >= 4) {
    put16(payload, 2, 0);
    put16(payload, 2, icmp_checksum(packet.source, packet.destination, payload));
  }
  packet.payload = payload;
  return testing::frame_of(packet, kMac, kPeerMac);
}

// The acknowledgement of the last byte of a TCP segment in this frame.
auto end_of(ConstBytes frame, Sequence before) -> Sequence {
  if (parse_ethernet(frame)->type == EtherType::arp) return before;
  const auto packet = testing::packet_of(frame);
  return packet.protocol == Protocol::tcp ? Sequence{get32(packet.payload, 4) + 1} : before;
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  const auto large = std::make_unique<testing::Host>(kMac, kOwn, size % 2 == 0, std::uint16_t{1500}, std::uint64_t{1});
  auto& host = *large;
  HttpServer http{host.stack.interface()};
  TcpEcho tcp_echo;
  UdpEcho udp_echo;
  if (!host.stack.tcp().listen(9975, http) || !host.stack.tcp().listen(7, tcp_echo)) __builtin_trap();
  if (!host.stack.listen(9975, udp_echo)) __builtin_trap();
  host.stack.dhcp().start(1);
  host.stack.routers().start(1);
  Microseconds now = 1;
  Sequence acknowledged;
  for (ConstBytes input{reinterpret_cast<const std::byte*>(data), size}; input.size() > 2;) {
    const std::size_t piece_size = get8(input, 0) < input.size() - 2 ? get8(input, 0) : input.size() - 2;
    const auto kind = get8(input, 1);
    const auto frame = frame_of(input.subspan(2, piece_size), kind, acknowledged);
    input = input.subspan(2 + piece_size);
    host.stack.receive(frame, true, now);
    now += kind * kSecond / 16;
    host.stack.poll(now);
    for (const auto& sent : host.link.sent) acknowledged = end_of(sent, acknowledged);
    host.link.sent.clear();
    if (host.stack.tcp().open_connections() > Connection::kMost) __builtin_trap();
  }
  return 0;
}
