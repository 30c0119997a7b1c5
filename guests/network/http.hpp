// A web server with three pages (HTTP/1.0 and 1.1, RFC 9112):
//
//   GET /                a few lines about the guest
//   GET /big?bytes=N     N bytes of Pattern
//   POST /sum            the number of the body's bytes and their CRC-32
//
// HEAD works like GET. A request's body must have a Content-Length.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "guests/network/crc32.hpp"
#include "guests/network/tcp.hpp"
#include "hermitage/entry/text.hpp"

namespace guest::network {

class HttpServer final : public TcpService {
 public:
  explicit HttpServer(const Interface& interface) : interface_{&interface} {}

  void opened(Connection& connection) override { sessions_[connection.index()] = {}; }
  auto received(Connection& connection, ConstBytes bytes) -> std::size_t override;
  void has_room(Connection& connection) override;
  void peer_closed(Connection& connection) override;

  // The number of answered requests, including errors.
  [[nodiscard]] auto requests() const -> std::uint64_t { return requests_; }

 private:
  static constexpr std::size_t kLongestLine = 256;  // of the request; longer header fields are truncated

  enum class State : std::uint8_t { request_line, fields, body, answer };
  enum class Method : std::uint8_t { get, head, post, other };

  enum class Page : std::uint8_t { error, home, big, sum };

  struct Session {
    State state = State::request_line;
    Method method = Method::other;
    bool is_too_long = false;     // the current line
    bool keeps_open = false;      // after the response
    bool peer_has_ended = false;  // the peer has ended its stream
    bool wants_continue = false;
    std::uint16_t error = 0;  // an HTTP status; 0: none
    std::array<char, 32> target{};
    std::size_t line_size = 0;
    std::array<char, kLongestLine> line{};
    std::uint64_t body_size = 0;
    std::uint64_t body_left = 0;
    bool has_body_size = false;
    Crc32 sum;
    std::uint64_t pattern_size = 0;
    std::uint64_t pattern_sent = 0;
  };
  using Text = entry::FixedText<1024>;

  auto take_line(Connection& connection, Session& session, ConstBytes bytes) -> std::size_t;
  auto take_body(Connection& connection, Session& session, ConstBytes bytes) -> std::size_t;
  static void read_request_line(Session& session, std::string_view line);
  static void read_field(Session& session, std::string_view line);
  void end_of_fields(Connection& connection, Session& session);
  void answer(Connection& connection, Session& session);
  static auto page_of(Session& session) -> Page;
  static void send_page(Connection& connection, const Session& session, std::string_view status, std::string_view body);
  static void send_head(Connection& connection, const Session& session, std::string_view status, std::string_view type,
                        std::uint64_t size);
  void go_on(Connection& connection, Session& session);

  const Interface* interface_;
  std::uint64_t requests_ = 0;
  std::array<Session, Connection::kMost> sessions_{};
};

}  // namespace guest::network
