#include "guests/network/neighbour_discovery.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "guests/network/checksum.hpp"
#include "guests/network/icmp.hpp"
#include "guests/network/network_testing.hpp"
#include "guests/network/services.hpp"

namespace guest::network::testing {
namespace {

constexpr MacAddress kOwnMac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};
constexpr auto kOwn = address_under(kLinkLocalPrefix, kOwnMac);
constexpr auto kPeer = address_under(kLinkLocalPrefix, kPeerMac);
constexpr Ipv6Address kPrefix{{0x20, 0x01, 0x0d, 0xb8}};
constexpr auto kOwnGlobal = address_under(kPrefix, kOwnMac);
constexpr auto kNeighbour = address_under(kPrefix, kPeerMac);
constexpr Ipv6Address kFar{{0x20, 0x01, 0x0d, 0xb8, 1}};

using Message = std::vector<std::byte>;

enum class Kind : std::uint8_t { router = 134, solicitation = 135, advertisement = 136, echo = 128, echo_reply = 129 };

auto message(Kind kind, std::size_t size) -> Message {
  Message bytes(size);
  put8(bytes, 0, static_cast<std::uint8_t>(kind));
  return bytes;
}

void add_mac(Message& message, std::uint8_t kind, const MacAddress& mac = kPeerMac) {
  message.resize(message.size() + 8);
  put8(message, message.size() - 8, kind);
  put8(message, message.size() - 7, 1);
  put_mac(message, message.size() - 6, mac);
}

// A question or an answer about the MAC address of `target`.
auto about(Kind kind, const Ipv6Address& target) -> Message {
  auto bytes = message(kind, 24);
  put_ipv6(bytes, 8, target);
  add_mac(bytes, kind == Kind::solicitation ? 1 : 2);
  return bytes;
}

struct Prefix {
  std::uint8_t size = 64;
  std::uint8_t flags = 0xc0;
  std::uint32_t lifetime = 3600;
  Ipv6Address address = kPrefix;
};

auto router(std::uint16_t lifetime, const std::optional<Prefix>& prefix) -> Message {
  auto bytes = message(Kind::router, 16);
  put16(bytes, 6, lifetime);
  add_mac(bytes, 1);
  if (!prefix) return bytes;
  const auto at = bytes.size();
  bytes.resize(at + 32);
  put8(bytes, at, 3);
  put8(bytes, at + 1, 4);
  put8(bytes, at + 2, prefix->size);
  put8(bytes, at + 3, prefix->flags);
  put32(bytes, at + 4, prefix->lifetime);
  put_ipv6(bytes, at + 16, prefix->address);
  return bytes;
}

class NeighbourDiscoveryTest : public ::testing::Test {
 protected:
  NeighbourDiscoveryTest() { EXPECT_TRUE(host_.stack.listen(9975, echo_)); }

  // The frames that the host sends after it has received this one.
  auto answer_frame(const Frame& frame) -> std::vector<Frame> {
    host_.link.sent.clear();
    host_.stack.receive(frame, false, 1);
    return {host_.link.sent.begin(), host_.link.sent.end()};
  }
  auto answer(Message bytes, const Ipv6Address& source = kPeer, const Ipv6Address& destination = kOwn,
              std::uint8_t hop_limit = 255) -> std::vector<Frame> {
    put16(bytes, 2, 0);
    put16(bytes, 2, icmp_checksum(source, destination, bytes));
    auto frame =
        frame_of({.source = source, .destination = destination, .protocol = Protocol::icmpv6, .payload = bytes},
                 kOwnMac, kPeerMac);
    put8(frame, kEthernetHeaderSize + 7, hop_limit);
    return answer_frame(frame);
  }
  auto interface() -> Interface& { return host_.stack.interface(); }
  void learn_prefix() { answer(router(1800, Prefix{})); }

  // The MAC address to which the host sends a packet; none if it asks for the address first.
  auto mac_for(const Ipv6Address& destination) -> std::optional<MacAddress> {
    host_.link.sent.clear();
    send_udp(interface(), 1, destination, 2, {});
    const auto packet = packet_of(host_.link.sent.front());
    if (packet.protocol != Protocol::udp) return std::nullopt;
    return parse_ethernet(host_.link.sent.front())->destination;
  }

  UdpEcho echo_;
  Host host_{kOwnMac, {}, false, 1500, 1};
};

void expect_told(const std::vector<Frame>& sent, const Ipv6Address& target, const Ipv6Address& destination,
                 std::uint32_t flags) {
  ASSERT_EQ(sent.size(), 1U);
  const auto packet = packet_of(sent[0]);
  EXPECT_EQ(packet.protocol, Protocol::icmpv6);
  EXPECT_TRUE(packet.is_from_link);
  EXPECT_EQ(packet.destination, IpAddress{destination});
  EXPECT_EQ(icmp_checksum(packet.source, packet.destination, packet.payload), 0);
  ASSERT_EQ(packet.payload.size(), 32U);
  EXPECT_EQ(get16(packet.payload, 0), 136 << 8);
  EXPECT_EQ(get32(packet.payload, 4), flags);
  EXPECT_EQ(get_ipv6(packet.payload, 8), target);
  EXPECT_EQ(get16(packet.payload, 24), 0x0201);
  EXPECT_EQ(get_mac(packet.payload, 26), kOwnMac);
}

TEST_F(NeighbourDiscoveryTest, TellsItsMacAddress) {
  const auto question = about(Kind::solicitation, kOwn);
  expect_told(answer(question), kOwn, kPeer, 0x6000'0000);
  const auto sent = answer(question, kPeer, solicited_node_of(kOwn));
  expect_told(sent, kOwn, kPeer, 0x6000'0000);
  EXPECT_EQ(parse_ethernet(sent[0])->destination, kPeerMac);
}

TEST_F(NeighbourDiscoveryTest, ObjectsToATakenAddress) {
  const auto sent = answer(about(Kind::solicitation, kOwn), Ipv6Address{}, solicited_node_of(kOwn));
  expect_told(sent, kOwn, kAllNodes, 0x2000'0000);
  EXPECT_EQ(parse_ethernet(sent[0])->destination, mac_of_group(kAllNodes));
}

TEST_F(NeighbourDiscoveryTest, IgnoresQuestionsForOthersAndFromAfar) {
  EXPECT_TRUE(answer(about(Kind::solicitation, kPeer)).empty());
  EXPECT_TRUE(answer(about(Kind::solicitation, kOwnGlobal)).empty()) << "it has no prefix yet";
  EXPECT_TRUE(answer(about(Kind::solicitation, kOwn), kPeer, kOwn, 254).empty()) << "a router has forwarded it";
  EXPECT_TRUE(answer(about(Kind::solicitation, kOwn), kPeer, kAllRouters).empty()) << "not in this group";
  learn_prefix();
  expect_told(answer(about(Kind::solicitation, kOwnGlobal)), kOwnGlobal, kPeer, 0x6000'0000);
}

TEST_F(NeighbourDiscoveryTest, AsksForANeighbourAndSendsThen) {
  send_udp(interface(), 1, kPeer, 2, {});
  ASSERT_EQ(host_.link.sent.size(), 1U);
  const auto question = packet_of(host_.link.sent[0]);
  EXPECT_EQ(question.destination, IpAddress{solicited_node_of(kPeer)});
  EXPECT_EQ(icmp_checksum(question.source, question.destination, question.payload), 0);
  EXPECT_EQ(get_ipv6(question.payload, 8), kPeer);
  EXPECT_EQ(get_mac(question.payload, 26), kOwnMac);
  const auto sent = answer(about(Kind::advertisement, kPeer));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(parse_ethernet(sent[0])->destination, kPeerMac);
  EXPECT_EQ(packet_of(sent[0]).protocol, Protocol::udp);
  EXPECT_EQ(mac_for(kPeer), kPeerMac);
}

TEST_F(NeighbourDiscoveryTest, TakesNoGroupAsAMacAddress) {
  auto told = message(Kind::advertisement, 24);
  put_ipv6(told, 8, kPeer);
  add_mac(told, 2, mac_of_group(kAllNodes));
  answer(told);
  EXPECT_EQ(mac_for(kPeer), std::nullopt);
}

TEST_F(NeighbourDiscoveryTest, TakesThePrefixOfARouter) {
  EXPECT_TRUE(interface().global_address().is_none());
  learn_prefix();
  EXPECT_EQ(interface().global_address(), kOwnGlobal);
  EXPECT_EQ(interface().ipv6_configuration().router, kPeer);
  EXPECT_EQ(mac_for(kFar), kPeerMac) << "by the router";
  EXPECT_EQ(mac_for(kNeighbour), std::nullopt) << "a neighbour";
  EXPECT_EQ(interface().source_for(kFar), IpAddress{kOwnGlobal});
  EXPECT_EQ(interface().source_for(kPeer), IpAddress{kOwn});

  answer(router(1800, Prefix{.flags = 0x40}));
  EXPECT_EQ(mac_for(kNeighbour), kPeerMac) << "not on the link: by the router";
  answer(router(0, std::nullopt));
  EXPECT_TRUE(interface().ipv6_configuration().router.is_none());
  EXPECT_EQ(interface().global_address(), kOwnGlobal);
  answer(router(0, Prefix{.lifetime = 0}));
  EXPECT_TRUE(interface().global_address().is_none());
}

TEST_F(NeighbourDiscoveryTest, RefusesOtherPrefixesAndRouters) {
  for (const auto& prefix :
       {Prefix{.size = 63}, Prefix{.size = 65}, Prefix{.flags = 0x80}, Prefix{.lifetime = 0},
        Prefix{.address = kLinkLocalPrefix}, Prefix{.address = kAllNodes}, Prefix{.address = {}}}) {
    answer(router(1800, prefix));
    EXPECT_TRUE(interface().global_address().is_none());
  }
  interface().configure(Ipv6Configuration{});
  answer(router(1800, Prefix{}), kNeighbour);
  EXPECT_TRUE(interface().ipv6_configuration().router.is_none()) << "its address is not link-local";
  answer(router(1800, Prefix{}), kPeer, kOwn, 254);
  EXPECT_TRUE(interface().global_address().is_none()) << "a router has forwarded it";
}

TEST_F(NeighbourDiscoveryTest, EndsOnDamagedMessages) {
  for (const auto& good :
       {router(1800, Prefix{}), about(Kind::solicitation, kOwn), about(Kind::advertisement, kPeer)}) {
    for (std::size_t size = 4; size < good.size(); ++size) {
      answer(Message(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (const unsigned value : {0U, 1U, 5U, 0xffU}) {
        auto damaged = good;
        put8(damaged, at, static_cast<std::uint8_t>(value));
        answer(damaged);
      }
    }
  }
  // An option without a size would never end.
  auto endless = message(Kind::router, 32);
  put8(endless, 16, 9);
  answer(endless);
}

TEST_F(NeighbourDiscoveryTest, AsksForRoutersThreeTimes) {
  auto& routers = host_.stack.routers();
  EXPECT_EQ(routers.deadline(), std::nullopt);
  routers.start(1);
  for (int question = 0; question < 3; ++question) {
    ASSERT_TRUE(routers.deadline());
    host_.link.sent.clear();
    host_.stack.poll(*routers.deadline());
    ASSERT_EQ(host_.link.sent.size(), 1U);
    const auto packet = packet_of(host_.link.sent[0]);
    EXPECT_EQ(packet.destination, IpAddress{kAllRouters});
    EXPECT_EQ(get8(packet.payload, 0), 133);
    EXPECT_EQ(icmp_checksum(packet.source, packet.destination, packet.payload), 0);
    EXPECT_EQ(get_mac(packet.payload, 10), kOwnMac);
  }
  EXPECT_EQ(routers.deadline(), std::nullopt);
}

TEST_F(NeighbourDiscoveryTest, StopsAskingWhenItKnowsThePrefix) {
  auto& routers = host_.stack.routers();
  routers.start(1);
  host_.stack.poll(1);
  learn_prefix();
  EXPECT_EQ(routers.deadline(), std::nullopt);
}

TEST_F(NeighbourDiscoveryTest, AnswersPings) {
  answer(about(Kind::solicitation, kOwn));
  auto ping = message(Kind::echo, 64);
  const auto sent = answer(ping);
  ASSERT_EQ(sent.size(), 1U);
  const auto packet = packet_of(sent[0]);
  EXPECT_EQ(packet.source, IpAddress{kOwn});
  EXPECT_EQ(packet.destination, IpAddress{kPeer});
  EXPECT_EQ(get16(packet.payload, 0), 129 << 8);
  EXPECT_EQ(packet.payload.size(), ping.size());
  EXPECT_EQ(icmp_checksum(packet.source, packet.destination, packet.payload), 0);
  EXPECT_TRUE(answer(ping, kPeer, kAllNodes).empty()) << "to a group";
  EXPECT_TRUE(answer(message(Kind::echo, 1500)).empty()) << "the answer would be larger than the MTU";
}

TEST_F(NeighbourDiscoveryTest, EchoesDatagramsWithAChecksum) {
  answer(about(Kind::solicitation, kOwn));
  Message datagram(kUdpHeaderSize + 5, std::byte{0x17});
  put16(datagram, 0, 5000);
  put16(datagram, 2, 9975);
  put16(datagram, 4, static_cast<std::uint16_t>(datagram.size()));
  const auto answer_to = [&](std::uint16_t checksum) {
    put16(datagram, 6, checksum);
    return answer_frame(frame_of({.source = kPeer, .destination = kOwn, .protocol = Protocol::udp, .payload = datagram},
                                 kOwnMac, kPeerMac));
  };
  EXPECT_TRUE(answer_to(0).empty()) << "IPv6 requires one";
  Checksum checksum;
  checksum.add_pseudo_header(kPeer, kOwn, Protocol::udp, datagram.size());
  put16(datagram, 6, 0);
  checksum.add(datagram);
  const auto sent = answer_to(checksum.value());
  ASSERT_EQ(sent.size(), 1U);
  const auto echoed = parse_udp(packet_of(sent[0]), false);
  ASSERT_TRUE(echoed);
  EXPECT_EQ(echoed->payload.size(), 5U);
}

TEST_F(NeighbourDiscoveryTest, DropsExtensionHeadersAndMappedAddresses) {
  answer(about(Kind::solicitation, kOwn));
  const auto good =
      frame_of({.source = kPeer, .destination = kOwn, .protocol = Protocol::icmpv6, .payload = message(Kind::echo, 8)},
               kOwnMac, kPeerMac);
  auto fragment = good;
  put8(fragment, kEthernetHeaderSize + 6, 44);
  EXPECT_TRUE(answer_frame(fragment).empty());
  auto mapped = good;
  put_ipv6(mapped, kEthernetHeaderSize + 8, IpAddress{Ipv4Address{0x0a000001}}.ipv6());
  EXPECT_TRUE(answer_frame(mapped).empty());
}

}  // namespace
}  // namespace guest::network::testing
