// What is behind a network card: where its frames go, and come from.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::net {

// A frame, as it goes through here, is what virtio 1.2 (5.1.6) has in a buffer: a virtio_net_hdr_v1, and an Ethernet
// frame without its check sequence.
inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxFrame =
    kHeaderSize + 65550;  // bytes, with segmentation offload: virtio 1.2, 5.1.6.3.1

// The peer is gone, for a reason that is a sentence without a full stop.
struct Closed {
  std::string reason;
};

// One thread at a time calls its functions, which do not wait.
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  auto operator=(const Backend&) -> Backend& = delete;
  virtual ~Backend() = default;

  // To be waited for: readable when there is a frame, writable when has_pending() or a send that was refused can go on.
  [[nodiscard]] virtual auto descriptor() const noexcept -> int = 0;

  // All that its functions use.
  [[nodiscard]] virtual auto descriptors() const -> std::vector<int> { return {descriptor()}; }

  // The descriptor of a tap interface that vhost-net may serve in its place; -1: none.
  [[nodiscard]] virtual auto tap() const noexcept -> int { return -1; }

  // The virtio-net features, as bits, that it can do: checksum and segmentation offloads.
  [[nodiscard]] virtual auto features() const noexcept -> std::uint64_t = 0;
  // Those of them that the driver has taken.
  [[nodiscard]] virtual auto set_features(std::uint64_t taken) -> Result<void> = 0;

  // The next frame, to `buffer` of kMaxFrame bytes. Returns its size with the header; 0: there is none now.
  [[nodiscard]] virtual auto receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> = 0;
  // Sends a frame, its header first, in pieces that may change at any time: they are the guest's memory. True: it is
  // gone, or dropped as networks drop frames. False: not now; the same frame can be tried when it is writable.
  [[nodiscard]] virtual auto send(std::span<const iovec> frame) -> std::expected<bool, Closed> = 0;

  // Bytes of an earlier frame wait for the peer. flush() goes on with them.
  [[nodiscard]] virtual auto has_pending() const noexcept -> bool { return false; }
  [[nodiscard]] virtual auto flush() -> std::expected<void, Closed> { return {}; }
};

}  // namespace hermitage::vmm::net
