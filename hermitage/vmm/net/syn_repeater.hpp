// Repeats the first segments (SYN) of TCP connections to the guest until the guest answers. While a guest boots, it
// drops frames. passt, and QEMU behind a socket, send such a segment only once: the client would wait for ten seconds,
// and then get an error.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace hermitage::vmm::net {

class SynRepeater {
 public:
  using Clock = std::chrono::steady_clock;

  // At most so many connections wait for an answer. The segments of others are not repeated.
  static constexpr std::size_t kCapacity = 128;
  // The first interval, which doubles up to the longest.
  static constexpr std::chrono::milliseconds kFirstInterval{25};
  static constexpr std::chrono::milliseconds kLongestInterval{400};
  // When passt gives up, and closes the client's connection.
  static constexpr std::chrono::seconds kPatience{10};
  // The bytes at the start of a frame that identify its connection.
  static constexpr std::size_t kHeadersSize = 14 + 60 + 20;

  // All frames are Ethernet frames without a virtio header. A first segment that was delivered is repeated. When the
  // guest has answered one, it is ready, and those of new connections are not.
  void on_delivered(std::span<const std::byte> frame);
  // A frame of the guest, or its first kHeadersSize bytes, was sent, or dropped by repeats_answer().
  void on_sent(std::span<const std::byte> frame);
  // Whether a frame of the guest must be dropped: the answer to a repeated segment, after the first answer. passt of
  // 2023 would then send its data again, without an end.
  [[nodiscard]] auto repeats_answer(std::span<const std::byte> frame) -> bool;

  [[nodiscard]] auto is_empty() const noexcept -> bool { return waiting_.empty(); }
  // The time of the next frame; nothing: no connection waits.
  [[nodiscard]] auto deadline() const -> std::optional<Clock::time_point>;
  // The frame to deliver again, valid until the next call of a function; empty: none is due.
  [[nodiscard]] auto take_due(Clock::time_point now) -> std::span<const std::byte>;

 private:
  static constexpr std::size_t kMaxFrame = 160;  // bytes; a first segment has no payload

  // A connection as the sender of a segment sees it. IPv4 addresses have 4 bytes, followed by zeros.
  struct Connection {
    std::array<std::byte, 16> source{};
    std::array<std::byte, 16> destination{};
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;

    friend auto operator==(const Connection&, const Connection&) -> bool = default;
    [[nodiscard]] auto reversed() const -> Connection;
  };
  struct Segment {
    Connection connection;
    bool is_ipv6 = false;
    std::uint32_t sequence = 0;
    std::uint32_t acknowledged = 0;
    bool begins = false;         // SYN without ACK
    bool resets = false;         // RST
    bool only_confirms = false;  // ACK, with or without SYN, and neither payload nor other flags
  };
  struct Waiting {
    Connection connection;
    std::array<std::byte, kMaxFrame> frame;
    std::size_t size;
    std::uint32_t sequence;
    unsigned unanswered;  // copies that were delivered, less the answers
    bool is_answered;
    Clock::time_point due;
    Clock::time_point end;
    std::chrono::milliseconds interval;
  };

  [[nodiscard]] static auto parse(std::span<const std::byte> frame) -> std::optional<Segment>;
  [[nodiscard]] static auto parse_tcp(std::span<const std::byte> bytes, std::size_t size, Segment& result) -> bool;
  [[nodiscard]] auto find(const Connection& connection) -> std::vector<Waiting>::iterator;
  [[nodiscard]] static auto is_answer(const Segment& segment, const Waiting& waiting) -> bool;

  std::vector<Waiting> waiting_;  // for the first answer, and then for those to the copies
  bool is_ready_ = false;         // the guest, by IPv4
  bool is_ready_ipv6_ = false;
};

}  // namespace hermitage::vmm::net
