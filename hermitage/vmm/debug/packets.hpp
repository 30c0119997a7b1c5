// The framing of GDB's remote protocol: `$data#checksum`, acknowledgements, and the interrupt. See GDB's manual,
// appendix E.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace hermitage::vmm::debug {

// The largest packet that is accepted, in bytes of data. The debugger is told this limit.
inline constexpr std::size_t kMaxPacket = 0x4000;

// A packet with a correct checksum. `data` contains no escapes.
struct Packet {
  std::string data;
};
struct Damaged {};       // a packet with a wrong checksum, or one over the limit
struct Acknowledged {};  // "+"
struct Refused {};       // "-": the last packet must be sent again
struct Interrupt {};     // Ctrl-C
using Received = std::variant<Packet, Damaged, Acknowledged, Refused, Interrupt>;

// Finds packets in a stream of bytes that arrives in pieces of any size. Skips other bytes between them.
class PacketReader {
 public:
  void add(std::string_view bytes) { pending_ += bytes; }
  // Removes the next complete packet. Returns nothing if there is none.
  [[nodiscard]] auto next() -> std::optional<Received>;

 private:
  [[nodiscard]] auto next_packet() -> std::optional<Received>;

  std::string pending_;
};

// Escapes the data, and adds `$` and a checksum.
[[nodiscard]] auto framed(std::string_view data) -> std::string;

}  // namespace hermitage::vmm::debug
