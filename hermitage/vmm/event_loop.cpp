#include "hermitage/vmm/event_loop.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <sys/epoll.h>

namespace hermitage::vmm {
namespace {

constexpr std::size_t kMaxEvents = 16;  // limit for one round; the next round handles the others

// The data that epoll returns with an event. A number that is closed and opened again within a round is a different
// descriptor.
constexpr int kGenerationBits = 32;

auto key_of(int descriptor, std::uint32_t generation) -> std::uint64_t {
  return std::uint64_t{generation} << kGenerationBits | static_cast<std::uint32_t>(descriptor);
}

}  // namespace

auto EventLoop::make() -> Result<EventLoop> {
  Descriptor epoll{::epoll_create1(EPOLL_CLOEXEC)};
  if (!epoll.is_open()) return system_failure("epoll_create1", errno);
  return EventLoop{std::move(epoll)};
}

EventLoop::EventLoop(Descriptor epoll) : epoll_{std::move(epoll)}, handlers_{std::make_unique<Handlers>()} {}

auto EventLoop::add(int descriptor, std::uint32_t events, Handler handler) -> Result<void> {
  const std::scoped_lock lock{handlers_->mutex};
  epoll_event event{};
  event.events = events;
  const auto generation = ++handlers_->generation;
  event.data.u64 = key_of(descriptor, generation);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) return system_failure("epoll_ctl", errno);
  handlers_->by_descriptor.insert_or_assign(
      descriptor, Registration{generation, std::make_shared<const Handler>(std::move(handler))});
  return {};
}

void EventLoop::change(int descriptor, std::uint32_t events) {
  const std::scoped_lock lock{handlers_->mutex};
  const auto found = handlers_->by_descriptor.find(descriptor);
  if (found == handlers_->by_descriptor.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = key_of(descriptor, found->second.generation);
  [[maybe_unused]] const int outcome = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
}

void EventLoop::remove(int descriptor) {
  const std::scoped_lock lock{handlers_->mutex};
  if (handlers_->by_descriptor.erase(descriptor) == 0) return;
  [[maybe_unused]] const int outcome = ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
}

auto EventLoop::wait(std::optional<std::chrono::milliseconds> limit) -> std::size_t {
  std::array<epoll_event, kMaxEvents> events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the call
  const int count =
      ::epoll_wait(epoll_.get(), events.data(), kMaxEvents, limit ? static_cast<int>(limit->count()) : -1);
  std::size_t called = 0;
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    const auto handler = handler_of(event.data.u64);
    if (!handler) continue;  // an earlier handler of this round has removed it
    (*handler)(event.events);
    ++called;
  }
  return called;
}

auto EventLoop::handler_of(std::uint64_t key) const -> std::shared_ptr<const Handler> {
  const std::scoped_lock lock{handlers_->mutex};
  const auto descriptor = static_cast<int>(key & UINT32_MAX);
  const auto found = handlers_->by_descriptor.find(descriptor);
  if (found == handlers_->by_descriptor.end() || key_of(descriptor, found->second.generation) != key) return nullptr;
  return found->second.handler;
}

}  // namespace hermitage::vmm
