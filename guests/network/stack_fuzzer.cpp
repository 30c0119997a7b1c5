// Passes any frames to a stack. The input consists of pieces. Two bytes before each piece are its size, and the kind
// of frame that contains it as payload. Ethernet and IPv4 headers are correct; checksums of TCP and UDP are not
// checked.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "guests/network/checksum.hpp"
#include "guests/network/http.hpp"
#include "guests/network/network_testing.hpp"
#include "guests/network/services.hpp"

namespace {

using namespace guest::network;  // NOLINT(google-build-using-namespace)

constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};
constexpr Ipv4Address kOwn{0x0a000001};
constexpr Ipv4Address kPeer{0x0a000002};

// The piece as the payload of a packet. `kind` is a protocol; other values mean a frame without headers.
auto frame_of(ConstBytes piece, std::uint8_t kind, Sequence acknowledged) -> std::vector<std::byte> {
  std::vector<std::byte> frame(Interface::kHeadersSize + piece.size());
  write_ethernet_header(frame, kMac, {{2, 0, 0, 0, 0, 2}}, kind % 8 == 7 ? EtherType::arp : EtherType::ipv4);
  const auto payload = Bytes{frame}.subspan(Interface::kHeadersSize);
  copy(payload, piece);
  // To the port of a service, with an acknowledgement of the stack's data.
  if (kind % 8 == 6 && payload.size() >= kTcpHeaderSize) {
    put16(payload, 0, 1000);
    put16(payload, 2, kind < 128 ? 9975 : 7);
    put32(payload, 8, acknowledged.value + get8(payload, 8));
    put32(payload, 4, get16(payload, 6));
  }
  constexpr std::array kProtocols{Protocol::icmp, Protocol::udp, Protocol::tcp};
  const auto protocol = kind % 8 == 6 ? Protocol::tcp : kProtocols[kind % kProtocols.size()];
  write_ipv4_header(Bytes{frame}.subspan(kEthernetHeaderSize), {kPeer, kOwn, protocol, payload});
  return frame;
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
    for (const auto& sent : host.link.sent) {
      if (sent.size() >= Interface::kHeadersSize + kTcpHeaderSize) acknowledged = {get32(sent, 38) + 1};
    }
    host.link.sent.clear();
    if (host.stack.tcp().open_connections() > Connection::kMost) __builtin_trap();
  }
  return 0;
}
