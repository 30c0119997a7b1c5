#include "bench/net/services.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace net_bench {
namespace {

using Clock = std::chrono::steady_clock;
using Failure = std::unexpected<std::string>;
template <class T>
using Result = std::expected<T, std::string>;

constexpr std::size_t kDatagram = 64;
constexpr std::uint64_t kFirstTrips = 20;  // not counted: the hosts resolve their addresses
constexpr std::uint64_t kUnderWay = 32;
constexpr std::uint64_t kMostLost = 20;
constexpr timeval kPatience{.tv_sec = 0, .tv_usec = 250'000};  // after this time, a datagram counts as lost
// Byte number i of the guest's data is i modulo 251: see guests/README.md.
constexpr std::size_t kPeriod = 251;
constexpr std::size_t kPiece = kPeriod * 1024;

auto error(const char* call) -> Failure {
  return Failure{std::string(call) + ": " + std::strerror(errno)};
}

class Socket {
 public:
  static auto connect(int type, const Place& place, timeval patience) -> Result<Socket> {
    Socket made{socket(AF_INET, type | SOCK_CLOEXEC, 0)};
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(place.port);
    if (inet_pton(AF_INET, place.address.c_str(), &where.sin_addr) != 1)
      return Failure{place.address + " is no address"};
    setsockopt(made.fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(made.fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (::connect(made.fd_, reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) return error("connect");
    return made;
  }
  Socket(Socket&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  auto operator=(Socket&&) -> Socket& = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }

  // Receives bytes. Returns 0 bytes at the end.
  [[nodiscard]] auto receive(std::span<std::byte> buffer) const -> Result<std::size_t> {
    const auto size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0) return error("recv");
    return static_cast<std::size_t>(size);
  }

  [[nodiscard]] auto send_all(std::span<const std::byte> bytes) const -> Result<void> {
    while (!bytes.empty()) {
      const auto size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size < 0) return error("send");
      bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
    return {};
  }

 private:
  explicit Socket(int fd) : fd_{fd} {}
  int fd_;
};

auto bytes_of(std::string_view text) -> std::span<const std::byte> {
  return std::as_bytes(std::span{text});
}

// ---- Datagrams

// A datagram with its number, which distinguishes it from those that were given up.
auto datagram(std::uint64_t number) -> std::array<std::byte, kDatagram> {
  std::array<std::byte, kDatagram> bytes{};
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

// Sends a datagram, again if necessary, and waits for its return. Counts lost ones.
auto make_round_trip(const Socket& socket, std::uint64_t number, std::uint64_t& lost) -> Result<void> {
  const auto sent = datagram(number);
  while (lost < kMostLost) {
    if (auto done = socket.send_all(sent); !done) return done;
    std::array<std::byte, kDatagram> got{};
    Result<std::size_t> size;
    do size = socket.receive(got);
    while (size && got != sent);
    if (size) return {};
    ++lost;
  }
  return Failure{"the guest does not echo"};
}

auto round_trips(const Place& place, std::uint64_t amount) -> Result<Exchange> {
  const auto socket = Socket::connect(SOCK_DGRAM, place, kPatience);
  if (!socket) return Failure{socket.error()};
  Exchange result;
  std::uint64_t lost_before = 0;
  for (std::uint64_t i = 0; i < kFirstTrips; ++i) {
    if (auto done = make_round_trip(*socket, i, lost_before); !done) return Failure{done.error()};
  }
  std::vector<std::chrono::nanoseconds> trips;
  for (std::uint64_t i = 0; i < amount; ++i) {
    const auto begin = Clock::now();
    if (auto done = make_round_trip(*socket, kFirstTrips + i, result.lost); !done) return Failure{done.error()};
    trips.push_back(Clock::now() - begin);
    result.took += trips.back();
  }
  const auto middle = trips.begin() + static_cast<std::ptrdiff_t>(trips.size() / 2);
  std::ranges::nth_element(trips, middle);
  result.median = *middle;
  return result;
}

auto packets(const Place& place, std::uint64_t amount) -> Result<Exchange> {
  const auto socket = Socket::connect(SOCK_DGRAM, place, kPatience);
  if (!socket) return Failure{socket.error()};
  Exchange result;
  std::uint64_t lost_before = 0;
  if (auto done = make_round_trip(*socket, 0, lost_before); !done) return Failure{done.error()};
  const auto begin = Clock::now();
  std::uint64_t under_way = 0;
  for (std::uint64_t back = 0; back < amount;) {
    for (; under_way < kUnderWay; ++under_way) {
      if (auto done = socket->send_all(datagram(back)); !done) return Failure{done.error()};
    }
    std::array<std::byte, kDatagram> got{};
    if (socket->receive(got)) {
      ++back;
      --under_way;
      continue;
    }
    result.lost += std::exchange(under_way, 0);
    if (result.lost > amount) return Failure{"the guest loses more datagrams than it echoes"};
  }
  result.took = Clock::now() - begin;
  return result;
}

// ---- Streams

// A piece plus one period, so that a piece can begin at each byte of a period.
auto pattern() -> std::span<const std::byte> {
  static const auto bytes = [] {
    std::vector<std::byte> made(kPiece + kPeriod);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<std::byte>(i % kPeriod);
    return made;
  }();
  return bytes;
}

// The CRC-32 of the first `size` bytes of the pattern.
auto crc32_of_pattern(std::uint64_t size) -> std::uint32_t {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) != 0 ? 0xedb88320 : 0);
    table[i] = value;
  }
  std::uint32_t value = ~std::uint32_t{0};
  for (std::uint64_t i = 0; i < size; ++i) value = table[(value ^ i % kPeriod) & 0xff] ^ value >> 8;
  return ~value;
}

// The limit is for a single call, and the deadline for all calls.
struct Limits {
  explicit Limits(std::chrono::seconds limit)
      : call{.tv_sec = limit.count(), .tv_usec = 0}, deadline{Clock::now() + limit} {}
  timeval call;
  Clock::time_point deadline;
  [[nodiscard]] auto check() const -> Result<void> {
    if (Clock::now() > deadline) return Failure{"the guest is not done in time"};
    return {};
  }
};

// Sends this many bytes of the pattern.
auto send_pattern(const Socket& socket, std::uint64_t amount, const Limits& limits) -> Result<void> {
  while (amount > 0) {
    const auto size = std::min<std::uint64_t>(amount, kPiece);
    if (auto done = socket.send_all(pattern().first(size)); !done) return done;
    if (auto in_time = limits.check(); !in_time) return in_time;
    amount -= size;
  }
  return {};
}

auto receive_all(const Socket& socket) -> Result<std::string> {
  std::string answer;
  std::array<std::byte, 4096> piece;
  while (true) {
    const auto size = socket.receive(piece);
    if (!size) return Failure{size.error()};
    if (*size == 0) return answer;
    answer.append(reinterpret_cast<const char*>(piece.data()), *size);
  }
}

auto take_in(const Place& place, std::uint64_t amount, const Limits& limits) -> Result<Exchange> {
  char expected[80];
  std::snprintf(expected, sizeof expected, "\r\n\r\n%llu bytes, CRC-32 0x%x\n", static_cast<unsigned long long>(amount),
                crc32_of_pattern(amount));
  const auto socket = Socket::connect(SOCK_STREAM, place, limits.call);
  if (!socket) return Failure{socket.error()};
  const auto begin = Clock::now();
  const auto head = "POST /sum HTTP/1.0\r\nContent-Length: " + std::to_string(amount) + "\r\n\r\n";
  if (auto done = socket->send_all(bytes_of(head)); !done) return Failure{done.error()};
  if (auto done = send_pattern(*socket, amount, limits); !done) return Failure{done.error()};
  const auto answer = receive_all(*socket);
  if (!answer) return Failure{answer.error()};
  if (!answer->ends_with(expected)) return Failure{"the guest has received something else"};
  return Exchange{.took = Clock::now() - begin};
}

// Removes the header of a response, up to the empty line, from its first bytes. Returns the bytes after it.
auto behind_head(std::span<const std::byte> bytes, std::string& head) -> std::span<const std::byte> {
  constexpr std::string_view kEnd = "\r\n\r\n";
  if (head.ends_with(kEnd)) return bytes;
  const auto before = head.size();
  head.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto end = head.find(kEnd);
  if (end == std::string::npos) return {};
  head.resize(end + kEnd.size());
  return bytes.subspan(head.size() - before);
}

auto send_out(const Place& place, std::uint64_t amount, const Limits& limits) -> Result<Exchange> {
  const auto socket = Socket::connect(SOCK_STREAM, place, limits.call);
  if (!socket) return Failure{socket.error()};
  const auto begin = Clock::now();
  const auto request = "GET /big?bytes=" + std::to_string(amount) + " HTTP/1.0\r\n\r\n";
  if (auto done = socket->send_all(bytes_of(request)); !done) return Failure{done.error()};
  std::string head;
  std::vector<std::byte> buffer(kPiece);
  std::uint64_t received = 0;
  while (true) {
    const auto size = socket->receive(buffer);
    if (!size) return Failure{size.error()};
    if (*size == 0) break;
    const auto bytes = behind_head(std::span{buffer}.first(*size), head);
    if (!std::ranges::equal(bytes, pattern().subspan(received % kPeriod, bytes.size()))) {
      return Failure{"the guest sends something else"};
    }
    received += bytes.size();
    if (auto in_time = limits.check(); !in_time) return Failure{in_time.error()};
  }
  if (received != amount) return Failure{"the guest has sent " + std::to_string(received) + " bytes"};
  return Exchange{.took = Clock::now() - begin};
}

}  // namespace

auto use(std::string_view service, const Place& place, std::uint64_t amount, std::chrono::seconds limit)
    -> std::expected<Exchange, std::string> {
  if (service == "round-trips") return round_trips(place, amount);
  if (service == "packets") return packets(place, amount);
  if (service == "in") return take_in(place, amount, Limits{limit});
  if (service == "out") return send_out(place, amount, Limits{limit});
  return Failure{"there is no service " + std::string(service)};
}

void ask_to_end(const Place& place) {
  const Place behind{.address = place.address, .port = static_cast<std::uint16_t>(place.port + 1)};
  const auto socket = Socket::connect(SOCK_DGRAM, behind, kPatience);
  if (socket) static_cast<void>(socket->send_all(bytes_of("exit\n")));
}

}  // namespace net_bench
