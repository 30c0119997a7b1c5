#include "hermitage/vmm/debug/packets.hpp"

#include <numeric>

#include <fmt/format.h>

#include "hermitage/vmm/debug/hex.hpp"

namespace hermitage::vmm::debug {
namespace {

// The first byte of a packet, an acknowledgement, a refusal and an interrupt.
constexpr std::string_view kFirstBytes = "$+-\x03";
constexpr char kEscape = '}';
constexpr char kEscapeMask = 0x20;

auto checksum(std::string_view data) -> unsigned {
  return std::accumulate(data.begin(), data.end(), 0U,
                         [](unsigned sum, char c) { return (sum + static_cast<unsigned char>(c)) & 0xff; });
}

auto without_escapes(std::string_view data) -> std::string {
  std::string result;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const bool is_escape = data[i] == kEscape && i + 1 < data.size();
    result += is_escape ? static_cast<char>(data[++i] ^ kEscapeMask) : data[i];
  }
  return result;
}

}  // namespace

auto PacketReader::next() -> std::optional<Received> {
  pending_.erase(0, pending_.find_first_of(kFirstBytes));
  if (pending_.empty()) return std::nullopt;
  const char first = pending_.front();
  if (first == '$') return next_packet();
  pending_.erase(0, 1);
  if (first == '+') return Acknowledged{};
  if (first == '-') return Refused{};
  return Interrupt{};
}

auto PacketReader::next_packet() -> std::optional<Received> {
  constexpr std::size_t kChecksumSize = 2;
  const auto end = pending_.find('#');
  if (end == std::string::npos || pending_.size() < end + 1 + kChecksumSize) {
    if (pending_.size() <= kMaxPacket + 2 + kChecksumSize) return std::nullopt;
    pending_.clear();
    return Damaged{};
  }
  const auto data = std::string_view{pending_}.substr(1, end - 1);
  const auto expected = parse_hex(std::string_view{pending_}.substr(end + 1, kChecksumSize));
  const bool is_good = expected == checksum(data) && data.size() <= kMaxPacket;
  Received received = Damaged{};
  if (is_good) received = Packet{without_escapes(data)};
  pending_.erase(0, end + 1 + kChecksumSize);
  return received;
}

auto framed(std::string_view data) -> std::string {
  std::string packet = "$";
  for (const char c : data) {
    if (std::string_view{"$#}*"}.contains(c)) {
      packet += kEscape;
      packet += static_cast<char>(c ^ kEscapeMask);
    } else {
      packet += c;
    }
  }
  packet += fmt::format("#{:02x}", checksum(std::string_view{packet}.substr(1)));
  return packet;
}

}  // namespace hermitage::vmm::debug
