// The frame of GDB's remote protocol: `$data#checksum`, acknowledgements, and the interrupt. See GDB's manual, appendix
// E.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace hermitage::vmm::debug {

// The longest packet that is taken, in bytes of its data, as the debugger is told.
inline constexpr std::size_t kMaxPacket = 0x4000;

// Its checksum is right. `data` is without escapes.
struct Packet {
  std::string data;
};
struct Damaged {};       // a packet with another checksum, or too long a one
struct Acknowledged {};  // "+"
struct Refused {};       // "-": the last packet is to be sent again
struct Interrupt {};     // Ctrl-C
using Received = std::variant<Packet, Damaged, Acknowledged, Refused, Interrupt>;

// Finds packets in a stream of bytes, in whatever pieces it arrives. Other bytes between them are skipped.
class PacketReader {
 public:
  void add(std::string_view bytes) { pending_ += bytes; }
  // The next one that is whole.
  [[nodiscard]] auto next() -> std::optional<Received>;

 private:
  [[nodiscard]] auto next_packet() -> std::optional<Received>;

  std::string pending_;
};

// The data with escapes, between `$` and a checksum.
[[nodiscard]] auto framed(std::string_view data) -> std::string;

}  // namespace hermitage::vmm::debug
