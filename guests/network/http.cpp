#include "guests/network/http.hpp"

#include <optional>

#include "guests/network/pattern.hpp"

namespace guest::network {
namespace {

// The header of a response and a page must fit in the send buffer together.
constexpr std::size_t kRoomForAnswer = 2048;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 40;

constexpr auto lower(char character) -> char {
  return character >= 'A' && character <= 'Z' ? static_cast<char>(character - 'A' + 'a') : character;
}

// Whether `text` begins with `beginning`, which is in lower case. Ignores the case of `text`.
auto begins_with(std::string_view text, std::string_view beginning) -> bool {
  if (text.size() < beginning.size()) return false;
  for (std::size_t i = 0; i < beginning.size(); ++i) {
    if (lower(text[i]) != beginning[i]) return false;
  }
  return true;
}

auto contains(std::string_view text, std::string_view part) -> bool {
  for (; text.size() >= part.size(); text.remove_prefix(1)) {
    if (begins_with(text, part)) return true;
  }
  return false;
}

// The number in `text`, which must contain nothing else and be at most kMostBytes.
auto number_in(std::string_view text) -> std::optional<std::uint64_t> {
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(digit - '0');
    if (value > kMostBytes) return std::nullopt;
  }
  return value;
}

// The text without its first `count` characters. It must have at least that many.
auto behind(std::string_view text, std::size_t count) -> std::string_view {
  text.remove_prefix(count);
  return text;
}

auto trimmed(std::string_view text) -> std::string_view {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

auto bytes_of(std::string_view text) -> ConstBytes {
  return std::as_bytes(std::span{text.data(), text.size()});
}

auto status_of(std::uint16_t error) -> std::string_view {
  switch (error) {
    case 400: return "400 Bad Request";
    case 404: return "404 Not Found";
    case 405: return "405 Method Not Allowed";
    case 411: return "411 Length Required";
    case 413: return "413 Content Too Large";
    case 414: return "414 URI Too Long";
    default: return "505 HTTP Version Not Supported";
  }
}

}  // namespace

auto HttpServer::received(Connection& connection, ConstBytes bytes) -> std::size_t {
  auto& session = sessions_[connection.index()];
  std::size_t done = 0;
  while (done < bytes.size() && connection.is_open()) {
    const auto rest = bytes.subspan(done);
    if (session.state == State::answer) break;  // first send the previous response
    if (connection.room() < kRoomForAnswer) break;
    done += session.state == State::body ? take_body(connection, session, rest) : take_line(connection, session, rest);
  }
  return connection.is_open() ? done : bytes.size();
}

// Collects bytes up to the end of a line, and then parses the line.
auto HttpServer::take_line(Connection& connection, Session& session, ConstBytes bytes) -> std::size_t {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto character = static_cast<char>(bytes[i]);
    if (character != '\n') {
      if (session.line_size < session.line.size()) {
        session.line[session.line_size++] = character;
      } else {
        session.is_too_long = true;
      }
      continue;
    }
    std::string_view line{session.line.data(), session.line_size};
    if (line.ends_with('\r')) line.remove_suffix(1);
    session.line_size = 0;
    if (session.state == State::request_line) {
      if (line.empty()) return i + 1;  // RFC 9112, 2.2
      read_request_line(session, line);
      if (session.is_too_long) session.error = 414;
    } else if (line.empty()) {
      end_of_fields(connection, session);
    } else {
      read_field(session, line);
    }
    session.is_too_long = false;
    return i + 1;
  }
  return bytes.size();
}

void HttpServer::read_request_line(Session& session, std::string_view line) {
  session.state = State::fields;
  const auto method_end = entry::index_of(line, ' ');
  const auto method = line.substr(0, method_end);
  session.method = method == "GET"    ? Method::get
                   : method == "HEAD" ? Method::head
                   : method == "POST" ? Method::post
                                      : Method::other;
  line.remove_prefix(method_end < line.size() ? method_end + 1 : line.size());
  const auto target = line.substr(0, entry::index_of(line, ' '));
  line.remove_prefix(target.size());
  const auto version = trimmed(line);
  session.keeps_open = version == "HTTP/1.1";
  if (target.empty()) {
    session.error = 400;
  } else if (version != "HTTP/1.0" && version != "HTTP/1.1") {
    session.error = 505;
  } else if (target.size() >= session.target.size()) {
    session.error = 404;
  } else {
    for (std::size_t i = 0; i < target.size(); ++i) session.target[i] = target[i];
    session.target[target.size()] = '\0';
  }
}

void HttpServer::read_field(Session& session, std::string_view line) {
  const auto colon = entry::index_of(line, ':');
  if (colon == line.size()) {
    session.error = 400;
    return;
  }
  const auto name = line.substr(0, colon);
  const auto value = trimmed(behind(line, colon + 1));
  const auto is = [&](std::string_view wanted) { return name.size() == wanted.size() && begins_with(name, wanted); };
  if (is("content-length")) {
    const auto size = number_in(value);
    if (!size || (session.has_body_size && *size != session.body_size)) session.error = size ? 400 : 413;
    session.has_body_size = true;
    session.body_size = session.body_left = size.value_or(0);
  } else if (is("transfer-encoding")) {
    session.error = 411;
  } else if (is("expect")) {
    session.wants_continue = begins_with(value, "100-continue");
  } else if (is("connection")) {
    if (contains(value, "close")) session.keeps_open = false;
    if (contains(value, "keep-alive")) session.keeps_open = true;
  }
}

void HttpServer::end_of_fields(Connection& connection, Session& session) {
  if (session.method == Method::post && !session.has_body_size && session.error == 0) session.error = 411;
  if (session.error != 0) {
    session.keeps_open = false;  // the beginning of the next request is unknown
    return answer(connection, session);
  }
  if (session.body_left == 0) return answer(connection, session);
  session.state = State::body;
  if (session.wants_continue) connection.write(bytes_of("HTTP/1.1 100 Continue\r\n\r\n"));
}

auto HttpServer::take_body(Connection& connection, Session& session, ConstBytes bytes) -> std::size_t {
  const auto count = bytes.size() < session.body_left ? bytes.size() : static_cast<std::size_t>(session.body_left);
  session.sum.add(bytes.first(count));
  session.body_left -= count;
  if (session.body_left == 0) answer(connection, session);
  return count;
}

// Selects the page for a path. Sets the session's error if no page has this path.
auto HttpServer::page_of(Session& session) -> Page {
  const std::string_view target{session.target.data()};
  const bool is_get = session.method == Method::get || session.method == Method::head;
  constexpr std::string_view kBig = "/big?bytes=";
  auto page = Page::error;
  if (session.error != 0) return page;
  if (target == "/") page = Page::home;
  if (target == "/sum") page = Page::sum;
  if (target.starts_with(kBig)) {
    page = Page::big;
    const auto size = number_in(behind(target, kBig.size()));
    session.pattern_size = size.value_or(0);
    if (!size) session.error = 400;
  }
  if (page == Page::error) session.error = 404;
  if (session.error == 0 && (page == Page::sum ? session.method != Method::post : !is_get)) session.error = 405;
  return session.error == 0 ? page : Page::error;
}

void HttpServer::answer(Connection& connection, Session& session) {
  ++requests_;
  session.state = State::answer;
  constexpr std::string_view kOk = "200 OK";
  Text body;
  switch (page_of(session)) {
    case Page::home:
      body.append("Hello from the guest net\naddress: ").append(text_of(interface_->address()));
      body.append("\nrequests: ").append_decimal(requests_).append('\n');
      send_page(connection, session, kOk, body);
      break;
    case Page::sum:
      body.append_decimal(session.body_size).append(" bytes, CRC-32 ").append_hex(session.sum.value()).append('\n');
      send_page(connection, session, kOk, body);
      break;
    case Page::big:
      send_head(connection, session, kOk, "application/octet-stream", session.pattern_size);
      if (session.method == Method::head) session.pattern_size = 0;
      break;
    case Page::error:
      body.append(status_of(session.error)).append('\n');
      session.pattern_size = 0;
      send_page(connection, session, status_of(session.error), body);
      break;
  }
  go_on(connection, session);
}

void HttpServer::send_page(Connection& connection, const Session& session, std::string_view status,
                           std::string_view body) {
  send_head(connection, session, status, "text/plain; charset=utf-8", body.size());
  if (session.method != Method::head) connection.write(bytes_of(body));
}

void HttpServer::send_head(Connection& connection, const Session& session, std::string_view status,
                           std::string_view type, std::uint64_t size) {
  Text head;
  head.append("HTTP/1.1 ").append(status).append("\r\nServer: hermitage-net\r\nContent-Type: ").append(type);
  head.append("\r\nContent-Length: ").append_decimal(size);
  if (session.error == 405) head.append("\r\nAllow: GET, HEAD, POST");
  head.append("\r\nConnection: ").append(session.keeps_open ? "keep-alive" : "close").append("\r\n\r\n");
  connection.write(bytes_of(head));
}

// Sends the rest of a response, and then waits for the next request.
void HttpServer::go_on(Connection& connection, Session& session) {
  if (session.state != State::answer) return;
  session.pattern_sent += Pattern::write(connection, session.pattern_sent, session.pattern_size - session.pattern_sent);
  if (session.pattern_sent < session.pattern_size) return;
  if (!session.keeps_open || session.peer_has_ended) return connection.close();
  session = {};
}

void HttpServer::has_room(Connection& connection) {
  go_on(connection, sessions_[connection.index()]);
}

void HttpServer::peer_closed(Connection& connection) {
  auto& session = sessions_[connection.index()];
  session.peer_has_ended = true;
  if (session.state != State::answer) connection.close();
}

}  // namespace guest::network
