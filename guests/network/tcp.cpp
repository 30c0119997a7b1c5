#include "guests/network/tcp.hpp"

#include "guests/network/checksum.hpp"

namespace guest::network {
namespace {

constexpr Microseconds kFirstTimeout = kSecond;
constexpr Microseconds kLeastTimeout = 200 * kMillisecond;
constexpr Microseconds kLongestTimeout = 10 * kSecond;
constexpr Microseconds kProbeInterval = 500 * kMillisecond;  // probes of a closed window
constexpr Microseconds kIdleTime = 30 * kSecond;             // before a probe of a silent peer
constexpr Microseconds kIdleInterval = 5 * kSecond;          // between two probes
constexpr Microseconds kTimeWait = 2 * kSecond;              // far below RFC 9293's, for networks with long delays
constexpr Microseconds kEndWait = 30 * kSecond;              // for the peer's end after this side's
constexpr unsigned kMostRetries = 8;
constexpr unsigned kMostSynRetries = 4;
constexpr unsigned kLossByDuplicates = 3;
constexpr std::size_t kDefaultSegmentSize = 536;
constexpr std::size_t kLeastSegmentSize = 64;
constexpr std::size_t kInitialSegments = 10;  // RFC 6928

constexpr auto least(std::size_t a, std::size_t b) -> std::size_t {
  return a < b ? a : b;
}
constexpr auto most(std::size_t a, std::size_t b) -> std::size_t {
  return a < b ? b : a;
}

// The finalizer of SplitMix64.
constexpr auto mix(std::uint64_t value) -> std::uint64_t {
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

}  // namespace

void Connection::close() {
  if (state_ == State::established) state_ = State::fin_wait_1;
  if (state_ == State::close_wait) state_ = State::last_ack;
}

// ---- Connections

auto Tcp::listen(std::uint16_t port, TcpService& service) -> bool {
  for (auto& listener : listeners_) {
    if (listener.service != nullptr) continue;
    listener = {.port = port, .service = &service};
    return true;
  }
  return false;
}

auto Tcp::service_of(std::uint16_t port) const -> TcpService* {
  for (const auto& listener : listeners_) {
    if (listener.service != nullptr && listener.port == port) return listener.service;
  }
  return nullptr;
}

auto Tcp::find(Endpoint remote, std::uint16_t local_port) -> Connection* {
  const Key wanted{.remote = remote, .local_port = local_port};
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i] == wanted) return &connections_[i];
  }
  return nullptr;
}

// A free place, or that of a closed connection. If other peers try to use all places, the place of the oldest
// incomplete connection.
auto Tcp::free_place() -> std::optional<std::size_t> {
  std::optional<std::size_t> over;
  std::optional<std::size_t> begun;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].local_port == 0) return i;
    const auto state = connections_[i].state_;
    auto* const candidate = state == State::time_wait ? &over : state == State::syn_received ? &begun : nullptr;
    if (candidate != nullptr && (!*candidate || deadlines_[i] < deadlines_[**candidate])) *candidate = i;
  }
  if (over) return over;
  // Not a recent one, whose peer may still answer.
  if (begun && connections_[*begun].retries_ > 0) return begun;
  return std::nullopt;
}

auto Tcp::allocate(Endpoint remote, std::uint16_t local_port, TcpService& service) -> Connection* {
  const auto place = free_place();
  if (!place) return nullptr;
  auto& connection = connections_[*place];
  if (keys_[*place].local_port != 0) release(connection);
  keys_[*place] = {.remote = remote, .local_port = local_port};
  deadlines_[*place] = kNever;

  connection.is_aborted_ = connection.must_acknowledge_ = connection.is_recovering_ = connection.is_timing_ = false;
  connection.remote_ = remote;
  connection.local_port_ = local_port;
  connection.service_ = &service;
  connection.out_.begin(rings_[*place]);
  connection.unacknowledged_ = connection.next_ = connection.sent_end_ = first_sequence(remote, local_port);
  connection.received_ = connection.window_end_ = {};
  connection.segment_size_ = kDefaultSegmentSize;
  connection.peer_window_ = 0;
  connection.peer_scale_ = 0;
  connection.has_scale_ = false;
  connection.slow_start_end_ = SendBuffer::kCapacity;
  connection.duplicates_ = connection.retries_ = 0;
  connection.smoothed_ = connection.variation_ = 0;
  connection.timeout_ = kFirstTimeout;
  return &connection;
}

void Tcp::release(Connection& connection) {
  connection.state_ = State::closed;
  connection.service_ = nullptr;
  keys_[connection.index_] = {};
}

void Tcp::fail(Connection& connection) {
  transmit({.source_port = connection.local_port_,
            .destination_port = connection.remote_.port,
            .sequence = connection.next_,
            .acknowledged = connection.received_,
            .flags = {.reset = true, .ack = true}},
           connection.remote_.address, 0, 0);
  release(connection);
}

// Hard to guess, and after the sequence numbers of an earlier connection (RFC 6528).
auto Tcp::first_sequence(Endpoint remote, std::uint16_t local_port) const -> Sequence {
  const auto ports = static_cast<std::uint64_t>(remote.port) << 16 | local_port;
  auto secret = seed_;
  const auto address = std::as_bytes(std::span{remote.address.ipv6().bytes});
  for (std::size_t at = 0; at < address.size(); at += 4) secret = mix(secret ^ get32(address, at));
  secret = mix(secret ^ ports);
  return {static_cast<std::uint32_t>(secret + now_ / 4)};
}

auto Tcp::own_segment_size(const IpAddress& remote) const -> std::uint16_t {
  return static_cast<std::uint16_t>(interface_->largest_payload(remote) - kTcpHeaderSize);
}

auto Tcp::open_connections() const -> std::size_t {
  std::size_t count = 0;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].local_port != 0 && connections_[i].state_ != State::time_wait) ++count;
  }
  return count;
}

auto Tcp::connect(std::uint16_t local_port, Endpoint remote, TcpService& service, Microseconds now) -> Connection* {
  now_ = now;
  auto* const connection = allocate(remote, local_port, service);
  if (connection == nullptr) return nullptr;
  connection->state_ = State::syn_sent;
  send_synchronization(*connection);
  return connection;
}

// ---- Received segments

void Tcp::receive(const IpPacket& packet, bool is_checked, Microseconds now) {
  now_ = now;
  if (!packet.source.is_host() || packet.destination != interface_->source_for(packet.source)) return;
  const auto segment = TcpSegment::parse(packet, is_checked);
  if (!segment || segment->source_port == 0 || segment->destination_port == 0) return;
  auto* const connection = find({packet.source, segment->source_port}, segment->destination_port);
  if (connection == nullptr) return receive_for_nobody(*segment, packet.source);
  // The peer reuses the port.
  if (connection->state_ == State::time_wait && segment->flags.syn && segment->sequence > connection->received_) {
    release(*connection);
    return receive_for_nobody(*segment, packet.source);
  }
  if (connection->state_ == State::syn_sent) {
    receive_answer(*connection, *segment);
  } else {
    receive_in_window(*connection, *segment);
  }
  if (connection->state_ == State::closed) return;
  if (connection->is_aborted_) return fail(*connection);
  queue(*connection);
}

void Tcp::receive_for_nobody(const TcpSegment& segment, const IpAddress& source) {
  if (segment.flags.reset) return;
  auto* const service = service_of(segment.destination_port);
  if (service == nullptr || segment.flags.ack || !segment.flags.syn) return send_reset(segment, source);
  accept(segment, {source, segment.source_port}, *service);
}

void Tcp::accept(const TcpSegment& segment, Endpoint remote, TcpService& service) {
  auto* const connection = allocate(remote, segment.destination_port, service);
  if (connection == nullptr) return;  // the peer will try again
  connection->state_ = State::syn_received;
  connection->received_ = connection->window_end_ = segment.sequence + 1;
  take_options(*connection, segment);
  send_synchronization(*connection);
}

// Reads the options of a segment that begins a connection.
void Tcp::take_options(Connection& connection, const TcpSegment& segment) {
  constexpr std::uint8_t kMostScale = 14;  // RFC 7323, 2.3
  if (segment.segment_size != 0) connection.segment_size_ = segment.segment_size;
  if (!segment.window_scale) return;
  connection.has_scale_ = true;
  connection.peer_scale_ = *segment.window_scale < kMostScale ? *segment.window_scale : kMostScale;
}

// Handles the answer to the segment of `connect`.
void Tcp::receive_answer(Connection& connection, const TcpSegment& segment) {
  const bool is_answer = segment.flags.ack && segment.acknowledged == connection.next_;
  if (segment.flags.ack && !is_answer) {
    if (!segment.flags.reset) send_reset(segment, connection.remote_.address);
    return;
  }
  if (segment.flags.reset) {
    if (is_answer) release(connection);
    return;
  }
  if (!segment.flags.syn || !is_answer) return;
  connection.received_ = connection.window_end_ = segment.sequence + 1;
  take_options(connection, segment);
  connection.must_acknowledge_ = true;
  become_established(connection, segment);
}

auto Tcp::is_acceptable(const Connection& connection, const TcpSegment& segment) const -> bool {
  const auto end = segment.sequence + segment.size();
  // An acknowledgement can be at the window's end, for example from a peer that has filled the window.
  const bool begins_before_end = segment.sequence < connection.window_end_ ||
                                 segment.sequence == connection.received_ ||
                                 (segment.size() == 0 && segment.sequence == connection.window_end_);
  const bool has_news = segment.size() == 0 ? segment.sequence >= connection.received_ : end > connection.received_;
  return begins_before_end && has_news;
}

void Tcp::receive_in_window(Connection& connection, const TcpSegment& segment) {
  if (!is_acceptable(connection, segment)) {
    if (segment.flags.reset) return;
    // The peer has not received the answer to its first segment.
    if (connection.state_ == State::syn_received && segment.flags.syn) {
      send_synchronization(connection);
      return;
    }
    if (segment.flags.ack && !connection.is_synchronizing()) take_acknowledgement(connection, segment);
    connection.must_acknowledge_ = true;
    return;
  }
  // Attackers can guess a number in the window, but hardly its beginning (RFC 5961).
  if (segment.flags.reset && segment.sequence == connection.received_) return release(connection);
  if (segment.flags.reset || segment.flags.syn) {
    connection.must_acknowledge_ = true;
    return;
  }
  if (!segment.flags.ack) return;
  if (connection.state_ == State::syn_received) {
    if (segment.acknowledged != connection.next_) return send_reset(segment, connection.remote_.address);
    become_established(connection, segment);
  } else if (!take_acknowledgement(connection, segment)) {
    return;
  }
  if (connection.state_ == State::closed || segment.size() == 0) return;
  if (segment.sequence > connection.received_) {
    send_acknowledgement(connection, connection.next_);  // immediately: each counts as a duplicate
    return;
  }
  take_payload(connection, segment);
}

void Tcp::become_established(Connection& connection, const TcpSegment& segment) {
  connection.state_ = State::established;
  connection.retries_ = 0;
  connection.unacknowledged_ = connection.next_;
  connection.segment_size_ =
      most(kLeastSegmentSize, least(connection.segment_size_, own_segment_size(connection.remote_.address)));
  connection.congestion_window_ = kInitialSegments * connection.segment_size_;
  connection.peer_window_ = connection.window_of(segment);
  connection.window_sequence_ = segment.sequence;
  connection.window_acknowledged_ = segment.acknowledged;
  start_timer(connection);
  connection.service_->opened(connection);
}

auto Tcp::take_acknowledgement(Connection& connection, const TcpSegment& segment) -> bool {
  if (segment.acknowledged > connection.sent_end_) {  // acknowledges data that were never sent
    connection.must_acknowledge_ = true;
    return false;
  }
  const auto news = segment.acknowledged - connection.unacknowledged_;
  if (news < 0) return true;
  const bool is_same_window = connection.window_of(segment) == connection.peer_window_;
  // An answer proves that the peer is alive. Data in flight must still arrive.
  if (news > 0 || connection.in_flight() == 0 || segment.window == 0) connection.retries_ = 0;
  update_window(connection, segment);
  if (news > 0) {
    acknowledge(connection, segment.acknowledged);
  } else if (segment.size() == 0 && is_same_window && connection.in_flight() > 0) {
    count_duplicate(connection);
  } else if (connection.in_flight() == 0) {
    start_timer(connection);
  }
  return connection.state_ != State::closed;
}

void Tcp::update_window(Connection& connection, const TcpSegment& segment) {
  const auto is_newer =
      segment.sequence > connection.window_sequence_ ||
      (segment.sequence == connection.window_sequence_ && segment.acknowledged >= connection.window_acknowledged_);
  if (!is_newer) return;
  // The peer has not accepted the byte of the probe.
  if (connection.peer_window_ == 0 && segment.window != 0) connection.next_ = connection.unacknowledged_;
  connection.peer_window_ = connection.window_of(segment);
  connection.window_sequence_ = segment.sequence;
  connection.window_acknowledged_ = segment.acknowledged;
}

void Tcp::acknowledge(Connection& connection, Sequence acknowledged) {
  measure(connection, acknowledged);
  const auto count = static_cast<std::size_t>(acknowledged - connection.unacknowledged_);
  const auto data = least(count, connection.out_.size());
  connection.out_.drop(data);
  connection.unacknowledged_ = acknowledged;
  if (connection.next_ < acknowledged) connection.next_ = acknowledged;
  connection.duplicates_ = 0;
  if (connection.is_recovering_ && acknowledged >= connection.recovery_end_) connection.is_recovering_ = false;

  const auto growth =
      connection.congestion_window_ < connection.slow_start_end_
          ? least(count, connection.segment_size_)
          : most(1, connection.segment_size_ * connection.segment_size_ / connection.congestion_window_);
  connection.congestion_window_ = least(connection.congestion_window_ + growth, SendBuffer::kCapacity);

  start_timer(connection);
  if (count > data) return end_acknowledged(connection);
  if (connection.can_write() && data > 0) {
    connection.service_->has_room(connection);
    widen_window(connection);
  }
}

// Announces a window that has become much larger.
void Tcp::widen_window(Connection& connection) {
  const auto end = connection.received_ + least(connection.service_->window(connection), 0xffff);
  const auto much = static_cast<std::int32_t>(least(2 * connection.segment_size_, SendBuffer::kCapacity / 2));
  if (end - connection.window_end_ >= much) {
    connection.must_acknowledge_ = true;
  }
}

void Tcp::count_duplicate(Connection& connection) {
  if (++connection.duplicates_ < kLossByDuplicates || connection.is_recovering_) return;
  lose(connection);
  connection.congestion_window_ = connection.slow_start_end_;
  start_timer(connection);
}

// Sends unacknowledged data again. Further duplicates have no effect until all data are acknowledged.
void Tcp::lose(Connection& connection) {
  connection.is_recovering_ = true;
  connection.recovery_end_ = connection.sent_end_;
  connection.slow_start_end_ = most(connection.in_flight() / 2, 2 * connection.segment_size_);
  connection.congestion_window_ = connection.segment_size_;
  connection.next_ = connection.unacknowledged_;
  connection.duplicates_ = 0;
  connection.is_timing_ = false;
  ++retransmissions_;
}

// RFC 6298.
void Tcp::measure(Connection& connection, Sequence acknowledged) {
  if (!connection.is_timing_ || acknowledged < connection.timed_) return;
  connection.is_timing_ = false;
  const auto took = now_ - connection.timed_at_ + 1;
  if (connection.smoothed_ == 0) {
    connection.smoothed_ = took;
    connection.variation_ = took / 2;
  } else {
    const auto difference = took < connection.smoothed_ ? connection.smoothed_ - took : took - connection.smoothed_;
    connection.variation_ = (3 * connection.variation_ + difference) / 4;
    connection.smoothed_ = (7 * connection.smoothed_ + took) / 8;
  }
  const auto timeout = connection.smoothed_ + 4 * connection.variation_;
  connection.timeout_ = timeout < kLeastTimeout ? kLeastTimeout : timeout;
}

void Tcp::end_acknowledged(Connection& connection) {
  if (connection.state_ == State::fin_wait_1) {
    connection.state_ = State::fin_wait_2;
    set_deadline(connection, now_ + kEndWait);
  } else if (connection.state_ == State::closing) {
    connection.state_ = State::time_wait;
    set_deadline(connection, now_ + kTimeWait);
  } else if (connection.state_ == State::last_ack) {
    release(connection);
  }
}

// Handles the payload of a segment that does not begin after the received data.
void Tcp::take_payload(Connection& connection, const TcpSegment& segment) {
  connection.must_acknowledge_ = true;
  const auto known = least(static_cast<std::size_t>(connection.received_ - segment.sequence), segment.payload.size());
  const auto in_window = static_cast<std::size_t>(connection.window_end_ - connection.received_);
  const bool can_receive = connection.state_ == State::established || connection.state_ == State::fin_wait_1 ||
                           connection.state_ == State::fin_wait_2;
  if (!can_receive) return;
  auto news = segment.payload.subspan(known);
  news = news.first(least(news.size(), in_window));
  if (!news.empty()) {
    connection.received_ = connection.received_ + connection.service_->received(connection, news);
  }
  if (connection.state_ == State::fin_wait_2) set_deadline(connection, now_ + kEndWait);
  if (segment.flags.fin && segment.sequence + segment.payload.size() == connection.received_) take_end(connection);
}

void Tcp::take_end(Connection& connection) {
  connection.received_ = connection.received_ + 1;
  if (connection.state_ == State::established) {
    connection.state_ = State::close_wait;
  } else if (connection.state_ == State::fin_wait_1) {
    connection.state_ = State::closing;
  } else {
    connection.state_ = State::time_wait;
    set_deadline(connection, now_ + kTimeWait);
  }
  connection.service_->peer_closed(connection);
}

// ---- Sent segments

void Tcp::queue(Connection& connection) {
  if (connection.is_queued_) return;
  connection.is_queued_ = true;
  queued_[queued_count_++] = static_cast<std::uint16_t>(connection.index_);
}

void Tcp::flush(Microseconds now) {
  now_ = now;
  std::size_t done = 0;
  while (done < queued_count_) {
    auto& connection = connections_[queued_[done]];
    if (connection.state_ != State::closed && !output(connection)) break;
    connection.is_queued_ = false;
    ++done;
  }
  for (std::size_t i = done; i < queued_count_; ++i) queued_[i - done] = queued_[i];
  queued_count_ -= done;
}

auto Tcp::output(Connection& connection) -> bool {
  if (connection.is_synchronizing()) return true;
  for (;;) {
    const auto in_flight = connection.in_flight();
    const auto window = connection.send_window();
    const auto unsent = connection.unsent();
    const auto size = least(unsent, window > in_flight ? window - in_flight : 0);
    const bool is_last = connection.is_ending() && in_flight + size == connection.out_.size();
    if (size == 0 && !is_last) break;
    // Send small pieces only if no acknowledgement is outstanding.
    if (size < connection.segment_size_ && size < unsent && in_flight > 0) break;
    if (!send_data(connection, size, is_last)) return false;
  }
  if (connection.unsent() > 0 && connection.in_flight() == 0) start_timer(connection);
  return !connection.must_acknowledge_ || send_acknowledgement(connection, connection.next_);
}

// Sends the next `size` bytes, or as many as fit in a frame. `is_last`: also sends FIN if all fit.
auto Tcp::send_data(Connection& connection, std::size_t size, bool is_last) -> bool {
  std::size_t largest = connection.segment_size_;
  const auto& remote = connection.remote_.address;
  if (interface_->link().makes_segments(ether_type_for(remote))) {
    const auto room = interface_->packet(remote).size();
    if (room >= kTcpHeaderSize + largest) largest = (room - kTcpHeaderSize) / largest * largest;
  }
  const auto count = least(size, largest);
  is_last = is_last && count == size;
  const auto offset = connection.in_flight();
  const bool is_first = offset == 0;
  const bool is_new = connection.next_ == connection.sent_end_;
  const TcpSegment segment{.sequence = connection.next_,
                           .flags = {.fin = is_last, .push = offset + count == connection.out_.size(), .ack = true}};
  if (!send(connection, segment, offset, count)) return false;
  connection.next_ = connection.next_ + count + (is_last ? 1 : 0);
  if (connection.sent_end_ < connection.next_) connection.sent_end_ = connection.next_;
  if (is_new && !connection.is_timing_) {
    connection.is_timing_ = true;
    connection.timed_ = connection.next_;
    connection.timed_at_ = now_;
  }
  if (is_first) start_timer(connection);
  return true;
}

auto Tcp::send_acknowledgement(Connection& connection, Sequence sequence) -> bool {
  return send(connection, {.sequence = sequence, .flags = {.ack = true}}, 0, 0);
}

auto Tcp::send_synchronization(Connection& connection) -> bool {
  connection.next_ = connection.sent_end_ = connection.unacknowledged_ + 1;
  const bool is_answer = connection.state_ == State::syn_received;
  // This side's windows need no scale. But without the option, the peer may not scale its windows, or, like passt,
  // scale them anyway.
  const bool offers_scale = !is_answer || connection.has_scale_;
  set_deadline(connection, now_ + (connection.timeout_ << connection.retries_));
  return send(connection,
              {.sequence = connection.unacknowledged_,
               .flags = {.syn = true, .ack = is_answer},
               .segment_size = own_segment_size(connection.remote_.address),
               .window_scale = offers_scale ? std::optional<std::uint8_t>{0} : std::nullopt},
              0, 0);
}

// Completes a segment of the connection with `size` bytes of its buffer.
auto Tcp::send(Connection& connection, TcpSegment segment, std::size_t offset, std::size_t size) -> bool {
  const auto room = interface_->packet(connection.remote_.address);
  const auto header_size = segment.header_size();
  if (room.size() < header_size + size) return false;
  connection.out_.read(offset, room.subspan(header_size, size));
  segment.source_port = connection.local_port_;
  segment.destination_port = connection.remote_.port;
  // A window never shrinks, and never grows by small amounts.
  const auto window = least(connection.service_->window(connection), 0xffff);
  const auto end = connection.received_ + window;
  const auto least_growth = static_cast<std::int32_t>(least(connection.segment_size_, SendBuffer::kCapacity / 2));
  if (end - connection.window_end_ >= least_growth) connection.window_end_ = end;
  const auto told = connection.window_end_ - connection.received_;
  segment.window = static_cast<std::uint16_t>(segment.flags.ack ? told : static_cast<std::int32_t>(window));
  if (segment.flags.ack) {
    segment.acknowledged = connection.received_;
    connection.must_acknowledge_ = false;
  }
  const auto pieces = size > connection.segment_size_ ? connection.segment_size_ : 0;
  return transmit(segment, connection.remote_.address, size, static_cast<std::uint16_t>(pieces));
}

// Answers a segment without a connection (RFC 9293, 3.10.7.1).
void Tcp::send_reset(const TcpSegment& segment, const IpAddress& destination) {
  TcpSegment reset{
      .source_port = segment.destination_port, .destination_port = segment.source_port, .flags = {.reset = true}};
  if (segment.flags.ack) {
    reset.sequence = segment.acknowledged;
  } else {
    reset.acknowledged = segment.sequence + segment.size();
    reset.flags.ack = true;
  }
  transmit(reset, destination, 0, 0);
}

// The payload is already in the packet.
auto Tcp::transmit(TcpSegment segment, const IpAddress& destination, std::size_t payload_size,
                   std::uint16_t segment_size) -> bool {
  const auto room = interface_->packet(destination);
  const auto size = segment.header_size() + payload_size;
  if (room.size() < size) return false;
  segment.write_header(room);
  Checksum checksum;
  checksum.add_pseudo_header(interface_->source_for(destination), destination, Protocol::tcp, size);
  Offload offload;
  if (interface_->link().completes_checksums()) {
    put16(room, kTcpChecksumAt, checksum.sum());
    offload.checksum_offset = kTcpChecksumAt;
    offload.segment_size = segment_size;
  } else {
    checksum.add(room.first(size));
    put16(room, kTcpChecksumAt, checksum.value());
  }
  interface_->send(Protocol::tcp, destination, size, offload);
  return true;
}

// ---- Time

void Tcp::set_deadline(const Connection& connection, Microseconds deadline) {
  deadlines_[connection.index_] = deadline;
  if (deadline < next_deadline_) next_deadline_ = deadline;
}

// Starts the timer of an open connection: for data in flight, otherwise for a closed window, otherwise for a silent
// peer.
void Tcp::start_timer(Connection& connection) {
  if (connection.state_ == State::time_wait || connection.state_ == State::fin_wait_2) return;
  if (connection.in_flight() > 0) {
    const auto timeout = connection.timeout_ << connection.retries_;
    return set_deadline(connection, now_ + (timeout < kLongestTimeout ? timeout : kLongestTimeout));
  }
  if (connection.unsent() > 0) return set_deadline(connection, now_ + kProbeInterval);
  set_deadline(connection, now_ + (connection.retries_ == 0 ? kIdleTime : kIdleInterval));
}

auto Tcp::deadline() const -> std::optional<Microseconds> {
  if (next_deadline_ == kNever) return std::nullopt;
  return next_deadline_;
}

void Tcp::poll(Microseconds now) {
  now_ = now;
  if (now < next_deadline_) return;
  next_deadline_ = kNever;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    if (keys_[i].local_port == 0) continue;
    if (deadlines_[i] <= now) on_deadline(connections_[i]);
    if (keys_[i].local_port != 0 && deadlines_[i] < next_deadline_) next_deadline_ = deadlines_[i];
  }
}

void Tcp::on_deadline(Connection& connection) {
  if (connection.state_ == State::time_wait || connection.state_ == State::fin_wait_2) return release(connection);
  const auto most_retries = connection.is_synchronizing() ? kMostSynRetries : kMostRetries;
  if (++connection.retries_ > most_retries) return fail(connection);
  if (connection.is_synchronizing()) {
    send_synchronization(connection);
    return;
  }
  if (connection.in_flight() > 0) lose(connection);
  if (connection.unsent() > 0 || connection.is_ending()) {
    connection.peer_window_ == 0 && connection.unsent() > 0 ? probe(connection) : queue(connection);
  } else {
    send_acknowledgement(connection, {connection.unacknowledged_.value - 1});  // the peer must answer this
  }
  start_timer(connection);
}

// Sends one byte that does not fit in the peer's window. The peer must answer with its window.
void Tcp::probe(Connection& connection) {
  send_data(connection, 1, false);
}

}  // namespace guest::network
