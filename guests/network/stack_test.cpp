#include "guests/network/stack.hpp"

#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "guests/network/checksum.hpp"
#include "guests/network/ipv4.hpp"
#include "guests/network/network_testing.hpp"
#include "guests/network/services.hpp"

namespace guest::network::testing {
namespace {

constexpr MacAddress kOwnMac{{2, 0, 0, 0, 0, 1}};
constexpr MacAddress kPeerMac{{2, 0, 0, 0, 0, 2}};
constexpr Ipv4Address kOwn{0x0a000001};
constexpr Ipv4Address kPeer{0x0a000002};

auto arp(ArpPacket::Operation operation, Ipv4Address target) -> Frame {
  Frame frame(60);
  write_ethernet_header(frame, kMacBroadcast, kPeerMac, EtherType::arp);
  const ArpPacket packet{
      .operation = operation, .sender_mac = kPeerMac, .sender = kPeer, .target_mac = kOwnMac, .target = target};
  packet.write(Bytes{frame}.subspan(kEthernetHeaderSize, kArpSize));
  return frame;
}

auto ipv4(Protocol protocol, const std::vector<std::byte>& payload, Ipv4Address destination = kOwn) -> Frame {
  return frame_of({.source = kPeer, .destination = destination, .protocol = protocol, .payload = payload}, kOwnMac,
                  kPeerMac);
}

auto ping(std::size_t size) -> std::vector<std::byte> {
  std::vector<std::byte> bytes(8 + size, std::byte{0x5a});
  put16(bytes, 0, 0x0800);
  put16(bytes, 2, 0);
  put16(bytes, 2, checksum_of(bytes));
  return bytes;
}

auto udp(std::uint16_t port, std::size_t size) -> std::vector<std::byte> {
  std::vector<std::byte> bytes(kUdpHeaderSize + size, std::byte{0x17});
  put16(bytes, 0, 5000);
  put16(bytes, 2, port);
  put16(bytes, 4, static_cast<std::uint16_t>(bytes.size()));
  put16(bytes, 6, 0);
  Checksum checksum;
  checksum.add_pseudo_header(kPeer, kOwn, Protocol::udp, bytes.size());
  checksum.add(bytes);
  put16(bytes, 6, checksum.value());
  return bytes;
}

class StackTest : public ::testing::Test {
 protected:
  StackTest() { EXPECT_TRUE(host_.stack.listen(9975, echo_)); }

  // The frames that the stack sends in response.
  auto answer(const Frame& frame) -> std::vector<Frame> {
    host_.link.sent.clear();
    host_.stack.receive(frame, false, 1);
    host_.stack.poll(1);
    return {host_.link.sent.begin(), host_.link.sent.end()};
  }
  // The same for a peer with a known MAC address.
  auto answer_to_neighbour(const Frame& frame) -> std::vector<Frame> {
    answer(arp(ArpPacket::Operation::request, kOwn));
    return answer(frame);
  }

  UdpEcho echo_;
  Host host_{kOwnMac, kOwn, false, 1500, 1};
};

TEST_F(StackTest, AnswersWhoHasItsAddress) {
  const auto sent = answer(arp(ArpPacket::Operation::request, kOwn));
  ASSERT_EQ(sent.size(), 1);
  const auto frame = parse_ethernet(sent[0]);
  EXPECT_EQ(frame->destination, kPeerMac);
  const auto reply = ArpPacket::parse(frame->payload);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->operation, ArpPacket::Operation::reply);
  EXPECT_EQ(reply->sender_mac, kOwnMac);
  EXPECT_EQ(reply->sender, kOwn);
  EXPECT_TRUE(answer(arp(ArpPacket::Operation::request, kPeer)).empty());
}

TEST_F(StackTest, AsksForANeighbourAndSendsThen) {
  const auto asked = answer(ipv4(Protocol::icmp, ping(56)));
  ASSERT_EQ(asked.size(), 1);
  EXPECT_EQ(parse_ethernet(asked[0])->type, EtherType::arp);
  const auto sent = answer(arp(ArpPacket::Operation::reply, kOwn));
  ASSERT_EQ(sent.size(), 1);
  const auto frame = parse_ethernet(sent[0]);
  EXPECT_EQ(frame->type, EtherType::ipv4);
  EXPECT_EQ(frame->destination, kPeerMac);
  EXPECT_TRUE(parse_ipv4(frame->payload));
}

TEST_F(StackTest, AnswersPings) {
  for (const std::size_t size : {0U, 1U, 56U, 1472U}) {
    const auto sent = answer_to_neighbour(ipv4(Protocol::icmp, ping(size)));
    ASSERT_EQ(sent.size(), 1) << size;
    const auto packet = parse_ipv4(parse_ethernet(sent[0])->payload);
    ASSERT_TRUE(packet);
    EXPECT_EQ(packet->destination, kPeer);
    EXPECT_EQ(get16(packet->payload, 0), 0);
    EXPECT_EQ(checksum_of(packet->payload), 0);
    EXPECT_EQ(packet->payload.size(), 8 + size);
  }
  EXPECT_TRUE(answer_to_neighbour(ipv4(Protocol::icmp, ping(3000))).empty());
  auto damaged = ping(56);
  damaged[20] ^= std::byte{1};
  EXPECT_TRUE(answer_to_neighbour(ipv4(Protocol::icmp, damaged)).empty());
}

TEST_F(StackTest, EchoesDatagrams) {
  for (const std::size_t size : {0U, 1U, 64U, 1472U}) {
    const auto sent = answer_to_neighbour(ipv4(Protocol::udp, udp(9975, size)));
    ASSERT_EQ(sent.size(), 1) << size;
    const auto datagram = parse_udp(*parse_ipv4(parse_ethernet(sent[0])->payload), false);
    ASSERT_TRUE(datagram);
    EXPECT_EQ(datagram->source_port, 9975);
    EXPECT_EQ(datagram->destination_port, 5000);
    EXPECT_EQ(datagram->payload.size(), size);
  }
  EXPECT_TRUE(answer_to_neighbour(ipv4(Protocol::udp, udp(9974, 10))).empty());
}

TEST_F(StackTest, DropsWhatIsDamagedOrForOthers) {
  const auto good = ipv4(Protocol::udp, udp(9975, 64));
  for (std::size_t at = 0; at < good.size(); ++at) {
    const bool is_source_mac = at >= 6 && at < 12;
    if (is_source_mac) continue;
    auto frame = good;
    frame[at] ^= std::byte{1};
    EXPECT_TRUE(answer_to_neighbour(frame).empty()) << at;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(answer_to_neighbour(Frame(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))).empty());
  }
  EXPECT_TRUE(answer_to_neighbour(ipv4(Protocol::udp, udp(9975, 64), kIpv4Broadcast)).empty());
}

TEST_F(StackTest, EndsOnAnyFrame) {
  std::mt19937 random{1};
  TcpEcho tcp_echo;
  ASSERT_TRUE(host_.stack.tcp().listen(7, tcp_echo));
  std::vector<std::byte> segment(40, std::byte{0x50});
  TcpSegment{.source_port = 1, .destination_port = 7, .flags = {.syn = true}}.write_header(segment);
  const std::vector<Frame> seeds{arp(ArpPacket::Operation::request, kOwn), ipv4(Protocol::icmp, ping(56)),
                                 ipv4(Protocol::udp, udp(9975, 64)), ipv4(Protocol::udp, udp(68, 300)),
                                 ipv4(Protocol::tcp, segment)};
  for (int i = 0; i < 50'000; ++i) {
    auto frame = seeds[random() % seeds.size()];
    for (auto count = random() % 4; count > 0; --count)
      frame[random() % frame.size()] = static_cast<std::byte>(random());
    if (random() % 4 == 0) frame.resize(random() % 1600);
    // So that the stack accepts more of them.
    if (frame.size() >= 34 && random() % 2 == 0) {
      put16(frame, 24, 0);
      put16(frame, 24, checksum_of(Bytes{frame}.subspan(14, 20)));
    }
    host_.stack.receive(frame, random() % 2 == 0, static_cast<Microseconds>(i) * kMillisecond);
    host_.stack.poll(static_cast<Microseconds>(i) * kMillisecond);
    host_.link.sent.clear();
  }
}

}  // namespace
}  // namespace guest::network::testing
