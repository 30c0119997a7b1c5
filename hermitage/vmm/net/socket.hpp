// A connected socket as a backend. Its frames have no virtio-net header: the header is removed when a frame is sent,
// and added when one is received. It offers no offloads.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/net/backend.hpp"
#include "hermitage/vmm/net/frame_reader.hpp"
#include "hermitage/vmm/net/syn_repeater.hpp"

namespace hermitage::vmm::net {

// SOCK_STREAM: a length precedes each frame (FrameReader), as with passt and QEMU's `-netdev stream`. Connections that
// clients open while the guest boots wait for it (SynRepeater).
class StreamSocket final : public Backend {
 public:
  // `peer` is the name of the peer in messages.
  StreamSocket(Descriptor socket, std::string peer) : socket_{std::move(socket)}, peer_{std::move(peer)} {}

  [[nodiscard]] auto descriptor() const noexcept -> int override { return socket_.get(); }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return 0; }
  [[nodiscard]] auto set_features(std::uint64_t /*taken*/) -> Result<void> override { return {}; }
  // A length of 0, or a frame larger than kMaxFrame, closes the connection.
  [[nodiscard]] auto deadline() const -> std::optional<std::chrono::steady_clock::time_point> override {
    return repeater_.deadline();
  }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> override;
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> override;
  [[nodiscard]] auto has_pending() const noexcept -> bool override { return pending_size_ > 0; }
  [[nodiscard]] auto flush() -> std::expected<void, Closed> override;

 private:
  static constexpr std::size_t kLargest = kMaxFrame - kHeaderSize;

  void keep(std::span<const iovec> pieces, std::size_t sent) noexcept;

  Descriptor socket_;
  std::string peer_;
  FrameReader reader_{kLargest};
  SynRepeater repeater_;
  // The rest of a frame that is sent in part.
  std::unique_ptr<std::byte[]> pending_ = std::make_unique<std::byte[]>(kLengthSize + kLargest);
  std::size_t pending_start_ = 0;
  std::size_t pending_size_ = 0;
};

// SOCK_DGRAM or SOCK_SEQPACKET: each message is a frame, as with QEMU's `-netdev dgram`.
class DatagramSocket final : public Backend {
 public:
  // `has_end`: an empty message means that the peer has disconnected, as with SOCK_SEQPACKET.
  DatagramSocket(Descriptor socket, std::string peer, bool has_end)
      : socket_{std::move(socket)}, peer_{std::move(peer)}, has_end_{has_end} {}

  [[nodiscard]] auto descriptor() const noexcept -> int override { return socket_.get(); }
  [[nodiscard]] auto features() const noexcept -> std::uint64_t override { return 0; }
  [[nodiscard]] auto set_features(std::uint64_t /*taken*/) -> Result<void> override { return {}; }
  [[nodiscard]] auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> override;
  [[nodiscard]] auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> override;

 private:
  Descriptor socket_;
  std::string peer_;
  bool has_end_;
};

}  // namespace hermitage::vmm::net
