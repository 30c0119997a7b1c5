#include "guests/network/services.hpp"

#include "guests/network/pattern.hpp"

namespace guest::network {

auto TcpSource::received(Connection& connection, ConstBytes bytes) -> std::size_t {
  auto& transfer = transfers_[connection.index()];
  for (const auto byte : bytes) {
    if (transfer.has_begun) break;  // data after the line are ignored
    const auto digit = static_cast<std::uint8_t>(byte);
    if (digit >= '0' && digit <= '9' && transfer.size < std::uint64_t{1} << 50) {
      transfer.size = transfer.size * 10 + (digit - '0');
    } else if (digit == '\n') {
      transfer.has_begun = true;
    } else if (digit != '\r') {
      connection.abort();
      break;
    }
  }
  has_room(connection);
  return bytes.size();
}

void TcpSource::has_room(Connection& connection) {
  auto& transfer = transfers_[connection.index()];
  if (!transfer.has_begun) return;
  transfer.sent += Pattern::write(connection, transfer.sent, transfer.size - transfer.sent);
  if (transfer.sent == transfer.size) connection.close();
}

void TcpSource::peer_closed(Connection& connection) {
  if (!transfers_[connection.index()].has_begun) connection.close();
}

}  // namespace guest::network
