#include "guests/network/tcp.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "guests/network/http.hpp"
#include "guests/network/network_testing.hpp"
#include "guests/network/services.hpp"

namespace guest::network::testing {
namespace {

// Sends given data, stores received data, and closes after all data are sent.
class Client final : public TcpService {
 public:
  explicit Client(std::string what) : what_{std::move(what)} {}

  void opened(Connection& connection) override {
    is_open = true;
    has_room(connection);
  }
  auto received(Connection& /*connection*/, ConstBytes bytes) -> std::size_t override {
    const auto count = std::min(bytes.size(), taken_at_once);
    got.append(reinterpret_cast<const char*>(bytes.data()), count);
    return count;
  }
  void has_room(Connection& connection) override {
    sent_ += connection.write(std::as_bytes(std::span{what_}).subspan(sent_));
    if (sent_ == what_.size() && closes) connection.close();
  }
  void peer_closed(Connection& connection) override {
    has_ended = true;
    connection.close();
  }
  [[nodiscard]] auto window(const Connection& /*connection*/) const -> std::size_t override { return offered; }

  std::string got;
  std::size_t taken_at_once = SIZE_MAX;
  std::size_t offered = 0xffff;
  bool closes = true;
  bool is_open = false;
  bool has_ended = false;

 private:
  std::string what_;
  std::size_t sent_ = 0;
};

auto text_of_size(std::size_t size) -> std::string {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + (i >> 8));
  return text;
}

constexpr Endpoint kEcho{Ipv4Address{0x0a000002}, 7};
constexpr Endpoint kWeb{Ipv4Address{0x0a000002}, 9975};

struct Case {
  const char* name;
  Weather weather;
  bool is_device = false;
  std::uint16_t mtu = 1500;
  bool is_ipv6 = false;
};
void PrintTo(const Case& value, std::ostream* out) {
  *out << value.name;
}

class TcpWeatherTest : public ::testing::TestWithParam<Case> {};

TEST_P(TcpWeatherTest, EchoesEverything) {
  const auto& param = GetParam();
  for (std::uint32_t seed = 1; seed <= 3; ++seed) {
    Network network{param.weather, seed, param.is_device, param.mtu};
    TcpEcho echo;
    ASSERT_TRUE(network.right->stack.tcp().listen(7, echo));
    const auto text = text_of_size(300'000);
    Client client{text};
    auto server = kEcho;
    if (param.is_ipv6) server.address = network.right->stack.interface().link_local_address();
    ASSERT_NE(network.left->stack.tcp().connect(1000, server, client, network.now()), nullptr);
    EXPECT_TRUE(network.run(3600 * kSecond, [&] { return client.has_ended; }));
    EXPECT_TRUE(client.got == text) << "seed " << seed << ": " << client.got.size() << " bytes";
    // No connections remain.
    const auto is_over = [&] {
      return network.left->stack.tcp().open_connections() + network.right->stack.tcp().open_connections() == 0;
    };
    EXPECT_TRUE(network.run(120 * kSecond, is_over));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, TcpWeatherTest,
    ::testing::Values(Case{"fine", {}}, Case{"loss", {.loss = 0.05}}, Case{"much_loss", {.loss = 0.2}},
                      Case{"duplication", {.duplication = 0.1}}, Case{"reordering", {.reordering = 0.1}},
                      Case{"damage", {.damage = 0.02}},
                      Case{"storm", {.loss = 0.05, .duplication = 0.05, .reordering = 0.1, .damage = 0.02}},
                      Case{"device", {.loss = 0.01}, true}, Case{"large_frames", {.loss = 0.01}, false, 9000},
                      Case{"least_frames", {.loss = 0.01}, false, 576}, Case{"ipv6", {.loss = 0.01}, false, 1500, true},
                      Case{"ipv6_device", {.loss = 0.01}, true, 1500, true},
                      Case{"ipv6_least_frames", {.loss = 0.01}, false, 1280, true}),
    [](const auto& the_case) { return std::string{the_case.param.name}; });

TEST(TcpTest, IsQuickWithoutLoss) {
  Network network{{}};
  TcpDiscard discard;
  ASSERT_TRUE(network.right->stack.tcp().listen(9, discard));
  Client client{text_of_size(1'000'000)};
  ASSERT_NE(network.left->stack.tcp().connect(1000, {Ipv4Address{0x0a000002}, 9}, client, network.now()), nullptr);
  EXPECT_TRUE(network.run(5 * kSecond, [&] { return client.has_ended; }));
  EXPECT_EQ(network.left->stack.tcp().retransmissions(), 0);
  EXPECT_LT(network.frames, 1'000'000 / 1460 * 3 / 2);
}

TEST(TcpTest, RecoversFromOneLossWithoutATimeout) {
  Network network{{}};
  TcpDiscard discard;
  ASSERT_TRUE(network.right->stack.tcp().listen(9, discard));
  Client client{text_of_size(300'000)};
  ASSERT_NE(network.left->stack.tcp().connect(1000, {Ipv4Address{0x0a000002}, 9}, client, network.now()), nullptr);
  ASSERT_TRUE(network.run(5 * kSecond, [&] { return network.frames > 60; }));
  network.weather.loss = 1;
  ASSERT_TRUE(network.run(kSecond, [&, begin = network.frames] { return network.frames > begin; }));
  network.weather.loss = 0;
  const auto begin = network.now();
  EXPECT_TRUE(network.run(5 * kSecond, [&] { return client.has_ended; }));
  EXPECT_LT(network.now() - begin, 300 * kMillisecond);
}

TEST(TcpTest, WaitsForAReaderThatTakesNothing) {
  Network network{{}};
  TcpSource source;
  ASSERT_TRUE(network.right->stack.tcp().listen(19, source));
  Client client{"100000\n"};
  client.closes = false;
  client.taken_at_once = 0;
  ASSERT_NE(network.left->stack.tcp().connect(1000, {Ipv4Address{0x0a000002}, 19}, client, network.now()), nullptr);
  EXPECT_FALSE(network.run(20 * kSecond, [&] { return client.has_ended; }));
  EXPECT_EQ(client.got.size(), 0);
  client.taken_at_once = 700;
  EXPECT_TRUE(network.run(600 * kSecond, [&] { return client.has_ended; }));
  EXPECT_EQ(client.got.size(), 100'000);
}

TEST(TcpTest, ProbesAWindowThatIsClosed) {
  Network network{{}};
  TcpSource source;
  ASSERT_TRUE(network.right->stack.tcp().listen(19, source));
  Client client{"100000\n"};
  client.closes = false;
  client.offered = 0;
  ASSERT_NE(network.left->stack.tcp().connect(1000, {Ipv4Address{0x0a000002}, 19}, client, network.now()), nullptr);
  EXPECT_FALSE(network.run(120 * kSecond, [&] { return client.has_ended; }));
  EXPECT_EQ(client.got.size(), 0);
  client.offered = 0xffff;  // the peer learns this only by a probe
  EXPECT_TRUE(network.run(10 * kSecond, [&] { return client.has_ended; }));
  EXPECT_EQ(client.got.size(), 100'000);
}

TEST(TcpTest, GivesUpAPeerThatIsSilent) {
  Network network{{}};
  TcpEcho echo;
  ASSERT_TRUE(network.right->stack.tcp().listen(7, echo));
  Client client{"one line\n"};
  client.closes = false;
  ASSERT_NE(network.left->stack.tcp().connect(1000, kEcho, client, network.now()), nullptr);
  ASSERT_TRUE(network.run(5 * kSecond, [&] { return client.got.size() == 9; }));
  // An idle connection stays open while the peer answers.
  EXPECT_FALSE(network.run(1000 * kSecond, [&] { return network.right->stack.tcp().open_connections() == 0; }));
  network.weather.loss = 1;
  EXPECT_TRUE(network.run(200 * kSecond, [&] { return network.right->stack.tcp().open_connections() == 0; }));
}

TEST(TcpTest, RefusesAPortThatNobodyListensAt) {
  Network network{{}};
  Client client{"hello"};
  ASSERT_NE(network.left->stack.tcp().connect(1000, kEcho, client, network.now()), nullptr);
  EXPECT_TRUE(network.run(2 * kSecond, [&] { return network.left->stack.tcp().open_connections() == 0; }));
  EXPECT_FALSE(client.is_open);
}

TEST(TcpTest, ServesManyOneAfterTheOther) {
  Network network{{.delay = 50}};
  HttpServer server{network.right->stack.interface()};
  ASSERT_TRUE(network.right->stack.tcp().listen(9975, server));
  for (std::uint16_t i = 0; i < 1000; ++i) {
    Client client{"GET / HTTP/1.0\r\n\r\n"};
    client.closes = false;
    const auto port = static_cast<std::uint16_t>(1000 + i);
    ASSERT_NE(network.left->stack.tcp().connect(port, kWeb, client, network.now()), nullptr) << i;
    ASSERT_TRUE(network.run(5 * kSecond, [&] { return client.has_ended; })) << i;
    EXPECT_TRUE(client.got.starts_with("HTTP/1.1 200 OK\r\n"));
    // The client must exist until its connection is closed.
    ASSERT_TRUE(network.run(5 * kSecond, [&] { return network.left->stack.tcp().open_connections() == 0; })) << i;
  }
  EXPECT_EQ(server.requests(), 1000);
}

TEST(TcpTest, ServesManyAtOnce) {
  Network network{{.loss = 0.02}};
  HttpServer server{network.right->stack.interface()};
  ASSERT_TRUE(network.right->stack.tcp().listen(9975, server));
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint16_t i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Client>("GET /big?bytes=20000 HTTP/1.0\r\n\r\n"));
    clients.back()->closes = false;
    const auto port = static_cast<std::uint16_t>(1000 + i);
    ASSERT_NE(network.left->stack.tcp().connect(port, kWeb, *clients.back(), network.now()), nullptr) << i;
  }
  EXPECT_TRUE(network.run(600 * kSecond, [&] {
    return std::ranges::all_of(clients, [](const auto& client) { return client->has_ended; });
  }));
  for (const auto& client : clients) EXPECT_GT(client->got.size(), 20'000);
}

// Connections whose peers never answer do not displace others.
TEST(TcpTest, ServesOthersDuringAFlood) {
  Network network{{}};
  TcpEcho echo;
  auto& tcp = network.right->stack.tcp();
  ASSERT_TRUE(tcp.listen(7, echo));
  const auto flood = [&] {
    for (std::uint32_t i = 0; i < 1000; ++i) {
      std::vector<std::byte> bytes(kTcpHeaderSize);
      const Ipv4Address source{0x0a000100 + i};
      TcpSegment{.source_port = 5, .destination_port = 7, .flags = {.syn = true}}.write_header(bytes);
      tcp.receive({source, network.right->stack.interface().address(), Protocol::tcp, bytes}, true, network.now());
      network.right->link.sent.clear();
    }
  };
  flood();
  EXPECT_EQ(tcp.open_connections(), Connection::kMost);
  Client client{"hello"};
  ASSERT_NE(network.left->stack.tcp().connect(1000, kEcho, client, network.now()), nullptr);
  EXPECT_TRUE(network.run(60 * kSecond, [&] { return client.has_ended; }));
  EXPECT_EQ(client.got, "hello");
  EXPECT_TRUE(network.run(60 * kSecond, [&] { return tcp.open_connections() == 0; }));
}

TEST(TcpTest, TellsOptionsApart) {
  for (const auto segment_size : {std::uint16_t{0}, std::uint16_t{1460}}) {
    for (const auto scale : {std::optional<std::uint8_t>{}, std::optional<std::uint8_t>{7}}) {
      const TcpSegment segment{.flags = {.syn = true}, .segment_size = segment_size, .window_scale = scale};
      std::vector<std::byte> bytes(segment.header_size());
      segment.write_header(bytes);
      const auto parsed =
          TcpSegment::parse({Ipv4Address{0x0a000001}, Ipv4Address{0x0a000002}, Protocol::tcp, bytes}, true);
      ASSERT_TRUE(parsed);
      EXPECT_EQ(parsed->segment_size, segment_size);
      EXPECT_EQ(parsed->window_scale, scale);
      EXPECT_TRUE(parsed->payload.empty());
    }
  }
}

// The peer's window is scaled if the peer has sent a scale. The answer then also contains one.
TEST(TcpTest, ScalesThePeersWindow) {
  constexpr std::uint16_t kWindow = 536;  // the default segment size, because the option is missing
  for (const auto scale :
       {std::optional<std::uint8_t>{}, std::optional<std::uint8_t>{0}, std::optional<std::uint8_t>{2}}) {
    Network network{{}};
    TcpSource source;
    auto& right = *network.right;
    ASSERT_TRUE(right.stack.tcp().listen(19, source));
    const auto receive = [&](const TcpSegment& segment, std::string_view payload) {
      std::vector<std::byte> bytes(segment.header_size());
      segment.write_header(bytes);
      for (const char character : payload) bytes.push_back(static_cast<std::byte>(character));
      right.stack.tcp().receive({Ipv4Address{0x0a000001}, Ipv4Address{0x0a000002}, Protocol::tcp, bytes}, true,
                                network.now());
      right.stack.poll(network.now());
    };
    Client client{""};
    client.closes = false;
    ASSERT_NE(network.left->stack.tcp().connect(999, {Ipv4Address{0x0a000002}, 19}, client, network.now()), nullptr);
    ASSERT_TRUE(network.run(kSecond, [&] { return client.is_open; }));
    right.link.sent.clear();
    TcpSegment segment{.source_port = 1000, .destination_port = 19, .flags = {.syn = true}, .window = kWindow};
    segment.window_scale = scale;
    receive(segment, "");
    ASSERT_EQ(right.link.sent.size(), 1);
    constexpr std::size_t kTcpAt = 34;
    const auto frame = right.link.sent.front();
    const auto answer = TcpSegment::parse(
        {Ipv4Address{0x0a000002}, Ipv4Address{0x0a000001}, Protocol::tcp, ConstBytes{frame}.subspan(kTcpAt)}, true);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->window_scale.has_value(), scale.has_value());
    right.link.sent.clear();
    receive({.source_port = 1000,
             .destination_port = 19,
             .sequence = {1},
             .acknowledged = answer->sequence + 1,
             .flags = {.ack = true},
             .window = kWindow},
            "10000\n");
    std::size_t size = 0;
    for (const auto& each : right.link.sent) size += each.size() - kTcpAt - kTcpHeaderSize;
    EXPECT_EQ(size, std::size_t{kWindow} << scale.value_or(0));
  }
}

TEST(TcpTest, ALinkWithoutRoomLosesNothing) {
  Network network{{}};
  TcpSource source;
  ASSERT_TRUE(network.right->stack.tcp().listen(19, source));
  Client client{"500000\n"};
  client.closes = false;
  ASSERT_NE(network.left->stack.tcp().connect(1000, {Ipv4Address{0x0a000002}, 19}, client, network.now()), nullptr);
  std::uint64_t round = 0;
  EXPECT_TRUE(network.run(100 * kSecond, [&] {
    network.right->link.is_full = ++round % 3 != 0;
    return client.has_ended;
  }));
  EXPECT_EQ(client.got.size(), 500'000);
}

// Any segments from a peer, inside and outside of a connection.
TEST(TcpTest, EndsOnAnySegments) {
  std::mt19937 random{1};
  for (int round = 0; round < 300; ++round) {
    Network network{{}, static_cast<std::uint32_t>(round + 1)};
    HttpServer server{network.right->stack.interface()};
    TcpEcho echo;
    auto& tcp = network.right->stack.tcp();
    ASSERT_TRUE(tcp.listen(7, echo));
    ASSERT_TRUE(tcp.listen(9975, server));
    Client client{text_of_size(5000)};
    ASSERT_NE(network.left->stack.tcp().connect(1000, kEcho, client, network.now()), nullptr);
    Sequence theirs{};
    Sequence ours{};
    for (int i = 0; i < 200; ++i) {
      network.run(random() % 2000, [] { return false; });
      std::vector<std::byte> bytes(kTcpHeaderSize + random() % 100);
      for (auto& byte : bytes) byte = static_cast<std::byte>(random());
      const auto flags = random();
      TcpSegment segment{.source_port = 1000,
                         .destination_port = static_cast<std::uint16_t>(random() % 2 == 0 ? 7 : 9975),
                         .sequence = theirs + random() % 3000,
                         .acknowledged = ours + random() % 3000,
                         .flags = {.fin = (flags & 1) != 0,
                                   .syn = (flags & 6) == 6,
                                   .reset = (flags & 0x78) == 0x78,
                                   .push = false,
                                   .ack = (flags & 0x180) != 0},
                         .window = static_cast<std::uint16_t>(random())};
      segment.write_header(bytes);
      for (const auto& frame : network.right->link.sent) {
        if (frame.size() < 54) continue;
        ours = {get32(frame, 38)};
        theirs = {get32(frame, 42)};
      }
      tcp.receive({Ipv4Address{0x0a000001}, Ipv4Address{0x0a000002}, Protocol::tcp, bytes}, true, network.now());
    }
    EXPECT_TRUE(network.run(1000 * kSecond, [&] { return tcp.open_connections() == 0; }));
  }
}

}  // namespace
}  // namespace guest::network::testing
