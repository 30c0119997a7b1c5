// A small TCP (RFC 9293) for reliable servers: retransmission after timeouts and duplicate acknowledgements,
// congestion control as in Reno, probes of closed windows and of silent peers. Drops segments that arrive out of
// order, so the peer sends them again. Supports only two options: the segment size and, for the peer's window, the
// scale.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "guests/network/interface.hpp"
#include "guests/network/send_buffer.hpp"
#include "guests/network/sequence.hpp"
#include "guests/network/tcp_segment.hpp"

namespace guest::network {

class Tcp;
class TcpService;

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  friend constexpr auto operator==(const Endpoint&, const Endpoint&) -> bool = default;
};

class Connection {
 public:
  static constexpr std::size_t kMost = 256;  // at the same time

  // A number below kMost, unique among the existing connections.
  [[nodiscard]] auto index() const -> std::size_t { return index_; }
  [[nodiscard]] auto remote() const -> Endpoint { return remote_; }
  [[nodiscard]] auto is_open() const -> bool { return state_ == State::established; }

  // The number of bytes that `write` accepts, or will accept when the connection is open.
  [[nodiscard]] auto room() const -> std::size_t { return can_write() || is_synchronizing() ? out_.free() : 0; }
  // Accepts as many bytes as fit. Returns their number.
  auto write(ConstBytes bytes) -> std::size_t { return can_write() ? out_.write(bytes) : 0; }
  // Ends this side's stream after the written bytes.
  void close();
  // Ends both streams immediately. The peer gets an error.
  void abort() { is_aborted_ = true; }

 private:
  friend class Tcp;

  enum class State : std::uint8_t {
    closed,
    syn_sent,
    syn_received,
    established,
    fin_wait_1,
    fin_wait_2,
    closing,
    time_wait,
    close_wait,
    last_ack
  };

  [[nodiscard]] auto can_write() const -> bool { return state_ == State::established || state_ == State::close_wait; }
  [[nodiscard]] auto is_synchronizing() const -> bool {
    return state_ == State::syn_sent || state_ == State::syn_received;
  }
  // Whether the FIN is not yet sent or not yet acknowledged.
  [[nodiscard]] auto is_ending() const -> bool {
    return state_ == State::fin_wait_1 || state_ == State::closing || state_ == State::last_ack;
  }
  // The number of sent and unacknowledged bytes, including the FIN.
  [[nodiscard]] auto in_flight() const -> std::size_t { return static_cast<std::size_t>(next_ - unacknowledged_); }
  [[nodiscard]] auto unsent() const -> std::size_t { return out_.size() > in_flight() ? out_.size() - in_flight() : 0; }
  // The peer's window in bytes, from a segment.
  [[nodiscard]] auto window_of(const TcpSegment& segment) const -> std::size_t {
    return segment.flags.syn ? segment.window : std::size_t{segment.window} << peer_scale_;
  }
  [[nodiscard]] auto send_window() const -> std::size_t {
    return peer_window_ < congestion_window_ ? peer_window_ : congestion_window_;
  }

  State state_ = State::closed;
  bool is_aborted_ = false;
  bool is_queued_ = false;         // for output
  bool must_acknowledge_ = false;  // at the next output
  std::size_t index_ = 0;
  Endpoint remote_;
  std::uint16_t local_port_ = 0;
  TcpService* service_ = nullptr;

  // Sending.
  SendBuffer out_;  // begins at unacknowledged_
  Sequence unacknowledged_;
  Sequence next_;      // next to send
  Sequence sent_end_;  // end of all data ever sent
  std::size_t segment_size_ = 0;
  std::size_t peer_window_ = 0;
  std::uint8_t peer_scale_ = 0;
  bool has_scale_ = false;    // the peer has sent the option
  Sequence window_sequence_;  // of the segment with the window; older segments do not change it
  Sequence window_acknowledged_;
  std::size_t congestion_window_ = 0;
  std::size_t slow_start_end_ = 0;
  unsigned duplicates_ = 0;  // number of duplicate acknowledgements
  bool is_recovering_ = false;
  Sequence recovery_end_;

  // The measurement of the round-trip time.
  bool is_timing_ = false;
  Sequence timed_;
  Microseconds timed_at_ = 0;
  Microseconds smoothed_ = 0;  // 0: not yet measured
  Microseconds variation_ = 0;
  Microseconds timeout_ = 0;
  unsigned retries_ = 0;

  // Receiving.
  Sequence received_;    // end of the received data
  Sequence window_end_;  // as announced to the peer
};

// A service that uses connections. Only Tcp calls its functions.
class TcpService {
 public:
  TcpService(const TcpService&) = delete;
  auto operator=(const TcpService&) -> TcpService& = delete;

  virtual void opened(Connection& /*connection*/) {}
  // Handles the next bytes of the stream, also after this side's end. Returns the number of accepted bytes. The peer
  // sends the others again.
  virtual auto received(Connection& connection, ConstBytes bytes) -> std::size_t = 0;
  // The peer has acknowledged data, so there is space for more.
  virtual void has_room(Connection& /*connection*/) {}
  // The peer has ended its stream.
  virtual void peer_closed(Connection& connection) { connection.close(); }
  // The number of bytes that the service would accept now.
  [[nodiscard]] virtual auto window(const Connection& /*connection*/) const -> std::size_t { return 0xffff; }

 protected:
  constexpr TcpService() = default;
  ~TcpService() = default;
};

class Tcp {
 public:
  // `seed` must be a different number in each run.
  Tcp(Interface& interface, std::uint64_t seed) : interface_{&interface}, seed_{seed} {
    for (std::size_t i = 0; i < connections_.size(); ++i) connections_[i].index_ = i;
  }

  // Passes connections to `port` to `service`. At most 8 ports; returns false for more.
  auto listen(std::uint16_t port, TcpService& service) -> bool;

  // Opens a connection. Returns null if there are too many.
  auto connect(std::uint16_t local_port, Endpoint remote, TcpService& service, Microseconds now) -> Connection*;

  void receive(const IpPacket& packet, bool is_checked, Microseconds now);

  // Sends waiting data and acknowledgements. Call this after all received frames are handled.
  void flush(Microseconds now);

  // Executes all due actions.
  void poll(Microseconds now);
  // The time of the next poll().
  [[nodiscard]] auto deadline() const -> std::optional<Microseconds>;

  [[nodiscard]] auto open_connections() const -> std::size_t;
  [[nodiscard]] auto retransmissions() const -> std::uint64_t { return retransmissions_; }

 private:
  using State = Connection::State;

  struct Listener {
    std::uint16_t port = 0;
    TcpService* service = nullptr;
  };
  // The keys to find connections, in a separate array: connections are large.
  struct Key {
    Endpoint remote;
    std::uint16_t local_port = 0;  // 0: unused
    friend constexpr auto operator==(const Key&, const Key&) -> bool = default;
  };
  static constexpr Microseconds kNever = ~Microseconds{0};

  [[nodiscard]] auto find(Endpoint remote, std::uint16_t local_port) -> Connection*;
  [[nodiscard]] auto service_of(std::uint16_t port) const -> TcpService*;
  auto allocate(Endpoint remote, std::uint16_t local_port, TcpService& service) -> Connection*;
  [[nodiscard]] auto free_place() -> std::optional<std::size_t>;
  void release(Connection& connection);
  void fail(Connection& connection);  // sends a reset

  void receive_for_nobody(const TcpSegment& segment, const IpAddress& source);
  void accept(const TcpSegment& segment, Endpoint remote, TcpService& service);
  void receive_answer(Connection& connection, const TcpSegment& segment);
  void receive_in_window(Connection& connection, const TcpSegment& segment);
  [[nodiscard]] auto is_acceptable(const Connection& connection, const TcpSegment& segment) const -> bool;
  void become_established(Connection& connection, const TcpSegment& segment);
  // Returns false if the segment needs no further handling.
  auto take_acknowledgement(Connection& connection, const TcpSegment& segment) -> bool;
  void acknowledge(Connection& connection, Sequence acknowledged);
  void count_duplicate(Connection& connection);
  void update_window(Connection& connection, const TcpSegment& segment);
  static void take_options(Connection& connection, const TcpSegment& segment);
  void measure(Connection& connection, Sequence acknowledged);
  void end_acknowledged(Connection& connection);
  void take_payload(Connection& connection, const TcpSegment& segment);
  void take_end(Connection& connection);
  void lose(Connection& connection);

  // Each function returns false if the link is full.
  auto output(Connection& connection) -> bool;
  auto send_data(Connection& connection, std::size_t size, bool is_last) -> bool;
  auto send_synchronization(Connection& connection) -> bool;
  auto send_acknowledgement(Connection& connection, Sequence sequence) -> bool;
  auto send(Connection& connection, TcpSegment segment, std::size_t offset, std::size_t size) -> bool;
  void send_reset(const TcpSegment& segment, const IpAddress& destination);
  auto transmit(TcpSegment segment, const IpAddress& destination, std::size_t payload_size, std::uint16_t segment_size)
      -> bool;

  void on_deadline(Connection& connection);
  void probe(Connection& connection);
  void start_timer(Connection& connection);
  void set_deadline(const Connection& connection, Microseconds deadline);
  void queue(Connection& connection);
  [[nodiscard]] auto first_sequence(Endpoint remote, std::uint16_t local_port) const -> Sequence;
  [[nodiscard]] auto own_segment_size(const IpAddress& remote) const -> std::uint16_t;
  void widen_window(Connection& connection);

  Interface* interface_;
  std::uint64_t seed_;
  Microseconds now_ = 0;
  std::array<Listener, 8> listeners_{};
  std::array<Connection, Connection::kMost> connections_{};
  std::array<Key, Connection::kMost> keys_{};
  std::array<Microseconds, Connection::kMost> deadlines_{};  // of the used places
  Microseconds next_deadline_ = kNever;                      // at most the first of them
  std::array<std::uint16_t, Connection::kMost> queued_{};    // waiting for output, in order
  std::size_t queued_count_ = 0;
  std::uint64_t retransmissions_ = 0;
  // Uninitialized: pages of unused connections are never touched.
  std::array<SendBuffer::Ring, Connection::kMost> rings_;
};

}  // namespace guest::network
