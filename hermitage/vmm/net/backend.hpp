// The backend of a network card: it sends and receives frames.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::net {

// A frame here has the content of a buffer in virtio 1.2 (5.1.6): a virtio_net_hdr_v1, and an Ethernet frame without
// its check sequence.
inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxFrame =
    kHeaderSize + 65550;  // bytes, with segmentation offload: virtio 1.2, 5.1.6.3.1

// The peer has disconnected. `reason` is a sentence without a full stop.
struct Closed {
  std::string reason;
};

// One thread at a time calls its functions. They do not block.
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  auto operator=(const Backend&) -> Backend& = delete;
  virtual ~Backend() = default;

  // The guest starts. The thread of the card calls it once, before all other functions.
  virtual void begin() noexcept {}

  // The descriptor to wait for: readable if there is a frame, writable if has_pending() or a refused send can continue.
  [[nodiscard]] virtual auto descriptor() const noexcept -> int = 0;

  // All descriptors that its functions use.
  [[nodiscard]] virtual auto descriptors() const -> std::vector<int> { return {descriptor()}; }

  // The descriptor of a tap that vhost-net can serve in its place; -1: none.
  [[nodiscard]] virtual auto tap() const noexcept -> int { return -1; }

  // The virtio-net features that it supports, as bits: checksum and segmentation offloads.
  [[nodiscard]] virtual auto features() const noexcept -> std::uint64_t = 0;
  // Sets the features that the driver has accepted.
  [[nodiscard]] virtual auto set_features(std::uint64_t taken) -> Result<void> = 0;

  // When receive() has a frame even if the descriptor is not readable; nothing: never.
  [[nodiscard]] virtual auto deadline() const -> std::optional<std::chrono::steady_clock::time_point> {
    return std::nullopt;
  }

  // Receives the next frame into `buffer` of kMaxFrame bytes. Returns its size with the header; 0: there is none now.
  [[nodiscard]] virtual auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> = 0;
  // Sends a frame, which starts with its header. Its pieces are in guest memory, so they can change at any time.
  // Returns true if the frame is sent, or dropped as networks drop frames. Returns false if it cannot be sent now; try
  // the same frame again when the descriptor is writable.
  [[nodiscard]] virtual auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> = 0;

  // Whether bytes of an earlier frame wait for the peer. flush() continues to send them.
  [[nodiscard]] virtual auto has_pending() const noexcept -> bool { return false; }
  [[nodiscard]] virtual auto flush() -> std::expected<void, Closed> { return {}; }
};

}  // namespace hermitage::vmm::net
