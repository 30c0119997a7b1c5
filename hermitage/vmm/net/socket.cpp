#include "hermitage/vmm/net/socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

#include "hermitage/vmm/net/frame.hpp"

namespace hermitage::vmm::net {
namespace {

// The pieces of a message: the bytes before the frame, and the frame without its header.
struct Message {
  std::array<iovec, kMaxPieces + 1> pieces{};
  std::size_t count = 0;

  void add(iovec piece) noexcept { pieces[count++] = piece; }
  void add_frame(std::span<const iovec> frame) noexcept {
    visit_pieces(frame, kHeaderSize,
                 [this](std::span<std::byte> bytes) { add({.iov_base = bytes.data(), .iov_len = bytes.size()}); });
  }
  [[nodiscard]] auto span() noexcept -> std::span<iovec> { return std::span{pieces}.first(count); }
};

// A copy of the first bytes of a frame, which the guest cannot change.
class Headers {
 public:
  Headers() = default;
  explicit Headers(std::span<const iovec> frame) noexcept {
    visit_pieces(frame, kHeaderSize, [this](std::span<const std::byte> bytes) {
      const auto here = bytes.first(std::min(bytes.size(), bytes_.size() - size_));
      std::ranges::copy(here, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
      size_ += here.size();
    });
  }
  [[nodiscard]] auto bytes() const noexcept -> std::span<const std::byte> { return std::span{bytes_}.first(size_); }

 private:
  std::array<std::byte, SynRepeater::kHeadersSize> bytes_{};
  std::size_t size_ = 0;
};

auto header_of(std::span<iovec> pieces) -> msghdr {
  msghdr header{};
  header.msg_iov = pieces.data();
  header.msg_iovlen = pieces.size();
  return header;
}

// As sendmsg(2), but never blocks and causes no signal.
auto send_pieces(int socket, std::span<iovec> pieces) -> ssize_t {
  const auto header = header_of(pieces);
  ssize_t sent = -1;
  do {
    sent = ::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

// As recvmsg(2), but never blocks. `flags` receives the flags of the message.
auto receive_pieces(int socket, std::span<iovec> pieces, int* flags = nullptr) -> ssize_t {
  auto header = header_of(pieces);
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &header, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (flags != nullptr) *flags = header.msg_flags;
  return got;
}

auto is_blocked(int error_number) -> bool {
  return error_number == EAGAIN || error_number == EWOULDBLOCK;
}

auto closed_by(const std::string& peer) -> std::unexpected<Closed> {
  return std::unexpected{Closed{fmt::format("{} has closed the connection", peer)}};
}

auto is_end(int error_number) -> bool {
  return error_number == EPIPE || error_number == ECONNRESET;
}

auto closed_for(const std::string& peer, const char* call, int error_number) -> std::unexpected<Closed> {
  if (is_end(error_number)) return closed_by(peer);
  return std::unexpected{Closed{fmt::format("{} of {}: {}", call, peer, std::strerror(error_number))}};
}

// The maximum number of messages that are skipped before other work is done.
constexpr int kMaxOddMessages = 64;

}  // namespace

auto StreamSocket::receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> {
  const auto frame = buffer.subspan(kHeaderSize);
  if (!repeater_.is_empty()) {
    if (const auto due = repeater_.take_due(SynRepeater::Clock::now()); !due.empty()) {
      std::ranges::copy(due, frame.begin());
      write_plain_header(buffer);
      return kHeaderSize + due.size();
    }
  }
  while (!reader_.is_malformed()) {
    const auto got = receive_pieces(descriptor(), reader_.pieces(frame));
    if (got == 0) return closed_by(peer_);
    if (got < 0 && is_blocked(errno)) return 0;
    if (got < 0) return closed_for(peer_, "recvmsg", errno);
    if (const auto size = reader_.advance(frame, static_cast<std::size_t>(got)); size > 0) {
      repeater_.on_delivered(frame.first(size));
      write_plain_header(buffer);
      return kHeaderSize + size;
    }
  }
  return std::unexpected{Closed{fmt::format("{} has sent a frame of invalid length", peer_)}};
}

auto StreamSocket::send(std::span<const iovec> frame) -> std::expected<bool, Closed> {
  const auto size = size_of(frame);
  if (!is_sendable(size)) return true;
  if (frame.size() > kMaxPieces) {
    return send_whole(frame, [this](const iovec& whole) { return send({&whole, 1}); });
  }
  if (auto flushed = flush(); !flushed) return std::unexpected{flushed.error()};
  if (has_pending()) return false;
  const auto headers = repeater_.is_empty() ? Headers{} : Headers{frame};
  if (repeater_.repeats_answer(headers.bytes())) {
    repeater_.on_sent(headers.bytes());
    return true;
  }
  auto length = encode_length(static_cast<std::uint32_t>(size - kHeaderSize));
  Message message;
  message.add({.iov_base = length.data(), .iov_len = length.size()});
  message.add_frame(frame);
  const auto sent = send_pieces(descriptor(), message.span());
  if (sent < 0 && is_blocked(errno)) return false;
  if (sent < 0 && errno == EFAULT) return true;  // the guest's page does not exist: its file was truncated
  if (sent < 0) return closed_for(peer_, "sendmsg", errno);
  repeater_.on_sent(headers.bytes());
  keep(message.span(), static_cast<std::size_t>(sent));
  return true;
}

void StreamSocket::keep(std::span<const iovec> pieces, std::size_t sent) noexcept {
  const auto* const end = gather(pieces, sent, pending_.get());
  pending_start_ = 0;
  pending_size_ = static_cast<std::size_t>(end - pending_.get());
}

auto StreamSocket::flush() -> std::expected<void, Closed> {
  while (has_pending()) {
    iovec rest{.iov_base = pending_.get() + pending_start_, .iov_len = pending_size_};
    const auto sent = send_pieces(descriptor(), {&rest, 1});
    if (sent < 0 && is_blocked(errno)) return {};
    if (sent < 0) return closed_for(peer_, "sendmsg", errno);
    pending_start_ += static_cast<std::size_t>(sent);
    pending_size_ -= static_cast<std::size_t>(sent);
  }
  return {};
}

auto DatagramSocket::receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> {
  const auto frame = buffer.subspan(kHeaderSize);
  for (int i = 0; i < kMaxOddMessages; ++i) {
    iovec piece{.iov_base = frame.data(), .iov_len = frame.size()};
    int flags = 0;
    const auto got = receive_pieces(descriptor(), {&piece, 1}, &flags);
    if (got == 0 && has_end_) return closed_by(peer_);
    if (got < 0 && is_blocked(errno)) return 0;
    if (got < 0 && errno != ECONNREFUSED) return closed_for(peer_, "recvmsg", errno);
    if (got <= 0 || (flags & MSG_TRUNC) != 0) continue;
    write_plain_header(buffer);
    return kHeaderSize + static_cast<std::size_t>(got);
  }
  return 0;
}

auto DatagramSocket::send(std::span<const iovec> frame) -> std::expected<bool, Closed> {
  if (!is_sendable(size_of(frame))) return true;
  if (frame.size() > kMaxPieces) {
    return send_whole(frame, [this](const iovec& whole) { return send({&whole, 1}); });
  }
  Message message;
  message.add_frame(frame);
  if (send_pieces(descriptor(), message.span()) >= 0) return true;
  if (is_blocked(errno)) return false;
  if (is_end(errno) || errno == ENOTCONN || errno == EBADF) return closed_for(peer_, "sendmsg", errno);
  return true;  // too large, no memory, or no receiver now: the frame is dropped
}

}  // namespace hermitage::vmm::net
