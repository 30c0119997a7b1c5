// Waits on any number of descriptors: epoll(7).
#pragma once

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

class EventLoop {
 public:
  // Gets the events that there are: EPOLLIN and others of epoll_ctl(2). Called in the thread that waits; it must not
  // block.
  using Handler = std::function<void(std::uint32_t events)>;

  [[nodiscard]] static auto make() -> Result<EventLoop>;

  // Any thread may add and remove descriptors at any time, a handler too. The descriptor must stay open until it is
  // removed. Fails with host_failed, for a regular file for example, or one that is there already.
  [[nodiscard]] auto add(int descriptor, std::uint32_t events, Handler handler) -> Result<void>;
  // Waits for other events from now on. What has not been added is left alone.
  void change(int descriptor, std::uint32_t events);
  // A handler that runs just now goes on; it is not called again. What the descriptor was ready for is forgotten, also
  // where another one gets its number.
  void remove(int descriptor);

  // Waits until descriptors are ready, at most for `limit`, and calls their handlers. Returns how many were called: 0
  // after the limit, and after a signal. One thread at a time.
  auto wait(std::optional<std::chrono::milliseconds> limit) -> std::size_t;

  // Of epoll itself.
  [[nodiscard]] auto descriptor() const noexcept -> int { return epoll_.get(); }

 private:
  struct Registration {
    std::uint32_t generation = 0;
    std::shared_ptr<const Handler> handler;
  };
  // Apart, so that a loop can be moved.
  struct Handlers {
    std::mutex mutex;              // of all below
    std::uint32_t generation = 0;  // of the latest registration
    std::map<int, Registration> by_descriptor;
  };

  explicit EventLoop(Descriptor epoll);

  [[nodiscard]] auto handler_of(std::uint64_t key) const -> std::shared_ptr<const Handler>;

  Descriptor epoll_;
  std::unique_ptr<Handlers> handlers_;
};

}  // namespace hermitage::vmm
