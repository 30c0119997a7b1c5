// Waits for any number of descriptors: epoll(7).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// From now, in whole milliseconds, rounded up; 0 if the moment has passed.
[[nodiscard]] inline auto milliseconds_until(std::chrono::steady_clock::time_point moment)
    -> std::chrono::milliseconds {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(moment - std::chrono::steady_clock::now());
  return std::max(std::chrono::milliseconds{0}, left);
}

class EventLoop {
 public:
  // Receives the events that have occurred: EPOLLIN and others of epoll_ctl(2). The thread that waits calls it. It must
  // not block.
  using Handler = std::function<void(std::uint32_t events)>;

  [[nodiscard]] static auto make() -> Result<EventLoop>;

  // Any thread, including a handler, can add and remove descriptors at any time. The descriptor must stay open until it
  // is removed. Fails with host_failed, for example for a regular file or a descriptor that has already been added.
  [[nodiscard]] auto add(int descriptor, std::uint32_t events, Handler handler) -> Result<void>;
  // Changes the events to wait for. Has no effect for a descriptor that has not been added.
  void change(int descriptor, std::uint32_t events);
  // Removes a descriptor. If its handler runs now, it continues, but it is not called again. Earlier events of the
  // descriptor are discarded, even if another file gets its number.
  void remove(int descriptor);

  // Waits at most `limit` until descriptors are ready, and calls their handlers. Returns the number of called handlers:
  // 0 after the limit or a signal. One thread at a time can wait.
  auto wait(std::optional<std::chrono::milliseconds> limit) -> std::size_t;

  // The descriptor of epoll.
  [[nodiscard]] auto descriptor() const noexcept -> int { return epoll_.get(); }

 private:
  struct Registration {
    std::uint32_t generation = 0;
    std::shared_ptr<const Handler> handler;
  };
  // A separate object, so that a loop can be moved.
  struct Handlers {
    std::mutex mutex;              // protects the following members
    std::uint32_t generation = 0;  // of the latest registration
    std::map<int, Registration> by_descriptor;
  };

  explicit EventLoop(Descriptor epoll);

  [[nodiscard]] auto handler_of(std::uint64_t key) const -> std::shared_ptr<const Handler>;

  Descriptor epoll_;
  std::unique_ptr<Handlers> handlers_;
};

}  // namespace hermitage::vmm
