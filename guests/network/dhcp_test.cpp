#include "guests/network/dhcp.hpp"

#include <array>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "guests/network/network_testing.hpp"

namespace guest::network::testing {
namespace {

constexpr Ipv4Address kServer{0x0a000202};
constexpr Ipv4Address kGiven{0x0a00020f};

// A client, and its messages as a server sees them.
class DhcpTest : public ::testing::Test {
 protected:
  struct Request {
    std::uint8_t type = 0;
    std::uint32_t transaction = 0;
    Ipv4Address client;
    Ipv4Address requested;
  };

  DhcpTest() { host_.stack.dhcp().start(now_); }

  void poll() {
    if (const auto deadline = host_.stack.deadline()) now_ = *deadline;
    host_.stack.poll(now_);
  }

  // The last message of the client.
  auto request() -> std::optional<Request> {
    if (host_.link.sent.empty()) return std::nullopt;
    const auto frame = host_.link.sent.back();
    host_.link.sent.clear();
    const auto ethernet = parse_ethernet(frame);
    if (ethernet->type != EtherType::ipv4) return std::nullopt;
    const auto datagram = parse_udp(packet_of(frame), false);
    if (!datagram || datagram->destination_port != kDhcpServerPort) return std::nullopt;
    const auto bytes = datagram->payload;
    Request request{.type = 0, .transaction = get32(bytes, 4), .client = {get32(bytes, 12)}, .requested = {}};
    for (std::size_t at = 240; get8(bytes, at) != 255; at += 2 + std::size_t{get8(bytes, at + 1)}) {
      if (get8(bytes, at) == 53) request.type = get8(bytes, at + 2);
      if (get8(bytes, at) == 50) request.requested = {get32(bytes, at + 2)};
    }
    return request;
  }

  static auto message(std::uint8_t type, std::uint32_t transaction, std::vector<int> options = {})
      -> std::vector<std::byte> {
    std::vector<std::byte> bytes(240);
    put8(bytes, 0, 2);
    put32(bytes, 4, transaction);
    put32(bytes, 16, kGiven.value);
    put_mac(bytes, 28, kMac);
    put32(bytes, 236, 0x63825363);
    const std::vector<int> first{53, 1, type, 54, 4, 10, 0, 2, 2};
    options.insert(options.begin(), first.begin(), first.end());
    for (const int option : options) bytes.push_back(static_cast<std::byte>(option));
    return bytes;
  }
  void answer(const std::vector<std::byte>& bytes) {
    host_.stack.dhcp().receive({kServer, kDhcpServerPort, kDhcpClientPort, bytes}, now_);
  }

  // Continues until the client has an address, with a lease of 1,000 seconds.
  void bind() {
    answer(message(2, request()->transaction));
    const auto wanted = request();
    ASSERT_TRUE(wanted);
    EXPECT_EQ(wanted->type, 3);
    EXPECT_EQ(wanted->requested, kGiven);
    answer(message(5, wanted->transaction,
                   {1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 0, 26, 2, 0x05, 0x78, 51, 4, 0, 0, 0x03, 0xe8, 255}));
  }

  static constexpr MacAddress kMac{{2, 0, 0, 0, 0, 1}};
  Microseconds now_ = kSecond;
  Host host_{kMac, {}, false, 1500, 1};
};

TEST_F(DhcpTest, GetsAnAddress) {
  bind();
  const auto& configuration = host_.stack.interface().configuration();
  EXPECT_EQ(configuration.address, kGiven);
  EXPECT_EQ(configuration.prefix, 24);
  EXPECT_EQ(configuration.gateway, kServer);
  EXPECT_EQ(configuration.mtu, 1400);
}

TEST_F(DhcpTest, AsksAgainEverMoreSlowly) {
  Microseconds last = 0;
  for (int i = 0; i < 8; ++i) {
    const auto asked = request();
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->type, 1);
    const auto before = now_;
    poll();
    EXPECT_GE(now_ - before, last);
    EXPECT_LE(now_ - before, 10 * kSecond);
    last = now_ - before;
  }
}

TEST_F(DhcpTest, BeginsAnewWhenTheServerIsSilentOrSaysNo) {
  answer(message(2, request()->transaction));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(request()->type, 3);
    poll();
  }
  EXPECT_EQ(request()->type, 1);
  poll();
  answer(message(2, request()->transaction));
  answer(message(6, request()->transaction));
  EXPECT_EQ(request()->type, 1);
}

TEST_F(DhcpTest, RenewsItsLease) {
  bind();
  const auto begin = now_;
  poll();
  EXPECT_EQ(now_ - begin, 500 * kSecond);
  const auto renewal = request();
  ASSERT_TRUE(renewal);
  EXPECT_EQ(renewal->type, 3);
  EXPECT_EQ(renewal->client, kGiven);
  EXPECT_TRUE(renewal->requested.is_none());
  answer(message(5, renewal->transaction, {51, 4, 0, 0, 0x03, 0xe8, 255}));
  EXPECT_EQ(host_.stack.interface().address(), kGiven);
  EXPECT_EQ(*host_.stack.dhcp().deadline() - now_, 500 * kSecond);
}

TEST_F(DhcpTest, GivesUpALeaseThatNobodyRenews) {
  bind();
  const auto begin = now_;
  while (!host_.stack.interface().address().is_none()) poll();
  EXPECT_GE(now_ - begin, 1000 * kSecond);
  EXPECT_LT(now_ - begin, 1020 * kSecond);
  EXPECT_EQ(request()->type, 1);
}

TEST_F(DhcpTest, IgnoresWhatIsNotForIt) {
  const auto transaction = request()->transaction;
  answer(message(2, transaction + 1));
  answer(message(5, transaction));
  auto other = message(2, transaction);
  put8(other, 28, 0xff);
  answer(other);
  EXPECT_FALSE(request());
  answer(message(2, transaction));
  EXPECT_TRUE(request());
}

TEST_F(DhcpTest, EndsOnAnyMessage) {
  std::mt19937 random{1};
  const auto transaction = request()->transaction;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = message(static_cast<std::uint8_t>(random() % 8), transaction);
    bytes.resize(random() % 400);
    for (std::size_t at = 240; at < bytes.size(); ++at) {
      if (random() % 4 == 0) bytes[at] = static_cast<std::byte>(random());
    }
    answer(bytes);
  }
  EXPECT_GE(host_.stack.interface().configuration().mtu, 576);
}

}  // namespace
}  // namespace guest::network::testing
