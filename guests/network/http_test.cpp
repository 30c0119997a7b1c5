#include "guests/network/http.hpp"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "guests/network/network_testing.hpp"

namespace guest::network::testing {
namespace {

// Sends a request in pieces, and stores the response.
class Browser final : public TcpService {
 public:
  Browser(std::string_view request, std::size_t piece) : request_{request}, piece_{piece} {}

  void opened(Connection& connection) override { has_room(connection); }
  auto received(Connection& /*connection*/, ConstBytes bytes) -> std::size_t override {
    answer.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return bytes.size();
  }
  void has_room(Connection& connection) override {
    const auto piece = request_.substr(sent_, piece_);
    sent_ += connection.write(std::as_bytes(std::span{piece}));
  }
  void peer_closed(Connection& connection) override {
    has_ended = true;
    connection.close();
  }

  std::string answer;
  bool has_ended = false;

 private:
  std::string_view request_;
  std::size_t piece_;
  std::size_t sent_ = 0;
};

auto ask(std::string_view request, std::size_t piece = 1400) -> std::string {
  Network network{{}};
  HttpServer server{network.right->stack.interface()};
  EXPECT_TRUE(network.right->stack.tcp().listen(80, server));
  Browser browser{request, piece};
  network.left->stack.tcp().connect(1000, {Ipv4Address{0x0a000002}, 80}, browser, network.now());
  network.run(20 * kSecond, [&] { return browser.has_ended; });
  return browser.answer;
}

auto status(std::string_view request) -> std::string {
  const auto answer = ask(request);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 ")) << answer;
  return answer.size() < 12 ? "" : answer.substr(9, 3);
}

auto body(const std::string& answer) -> std::string {
  const auto end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

TEST(HttpTest, ServesAPage) {
  for (const std::size_t piece : {1U, 7U, 1400U}) {
    const auto answer = ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n", piece);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(body(answer), "Hello from the guest net\naddress: 10.0.0.2\nrequests: 1\n");
  }
}

TEST(HttpTest, CountsABody) {
  EXPECT_EQ(body(ask("POST /sum HTTP/1.0\r\nContent-Length: 9\r\n\r\n123456789", 3)), "9 bytes, CRC-32 0xcbf43926\n");
  EXPECT_EQ(body(ask("POST /sum HTTP/1.0\r\ncontent-length:0\r\n\r\n")), "0 bytes, CRC-32 0x0\n");
}

TEST(HttpTest, SendsAPattern) {
  const auto got = body(ask("GET /big?bytes=100000 HTTP/1.0\r\n\r\n"));
  ASSERT_EQ(got.size(), 100'000);
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(static_cast<unsigned char>(got[i]), i % 251) << i;
  EXPECT_EQ(body(ask("GET /big?bytes=0 HTTP/1.0\r\n\r\n")), "");
}

TEST(HttpTest, AnswersSeveralRequestsOfAConnection) {
  const auto answer =
      ask("GET / HTTP/1.1\r\n\r\nHEAD /big?bytes=5 HTTP/1.1\r\n\r\nPOST /sum HTTP/1.1\r\nContent-Length: 1\r\n\r\na"
          "GET /big?bytes=3 HTTP/1.1\r\nConnection: close\r\n\r\n");
  std::size_t count = 0;
  for (auto at = answer.find("HTTP/1.1 200 OK"); at != std::string::npos; at = answer.find("HTTP/1.1 200 OK", at + 1)) {
    ++count;
  }
  EXPECT_EQ(count, 4);
  EXPECT_TRUE(answer.ends_with(std::string_view{"\r\n\r\n\0\1\2", 7}));
}

TEST(HttpTest, SaysWhatItCannotDo) {
  EXPECT_EQ(status("GET /nothing HTTP/1.0\r\n\r\n"), "404");
  EXPECT_EQ(status("GET /" + std::string(100, 'x') + " HTTP/1.0\r\n\r\n"), "404");
  EXPECT_EQ(status("GET /" + std::string(1000, 'x') + " HTTP/1.0\r\n\r\n"), "414");
  EXPECT_EQ(status("DELETE / HTTP/1.0\r\n\r\n"), "405");
  EXPECT_EQ(status("GET /sum HTTP/1.0\r\n\r\n"), "405");
  EXPECT_EQ(status("POST /sum HTTP/1.0\r\n\r\n"), "411");
  EXPECT_EQ(status("POST /sum HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), "411");
  EXPECT_EQ(status("POST /sum HTTP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n"), "413");
  EXPECT_EQ(status("POST /sum HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), "400");
  EXPECT_EQ(status("GET /big?bytes=-1 HTTP/1.0\r\n\r\n"), "400");
  EXPECT_EQ(status("GET / HTTP/2.0\r\n\r\n"), "505");
  EXPECT_EQ(status("GET\r\n\r\n"), "400");
  EXPECT_EQ(status("GET / HTTP/1.0\r\nnonsense\r\n\r\n"), "400");
}

TEST(HttpTest, TakesLongFields) {
  EXPECT_EQ(status("GET / HTTP/1.0\r\nlong: " + std::string(5000, 'x') + "\r\n\r\n"), "200");
}

}  // namespace
}  // namespace guest::network::testing
