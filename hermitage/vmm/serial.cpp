#include "hermitage/vmm/serial.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>

namespace hermitage::vmm {
namespace {

auto is_ready(int descriptor, short events, int timeout_milliseconds) -> bool {
  pollfd ready{.fd = descriptor, .events = events, .revents = 0};
  return ::poll(&ready, 1, timeout_milliseconds) > 0;
}

// Waits for one descriptor, but not beyond the moment at which `stop` becomes readable. Whether it is the one that is
// ready.
auto wait_for(int descriptor, short events, int stop) -> bool {
  for (;;) {
    std::array<pollfd, 2> ready{pollfd{.fd = descriptor, .events = events, .revents = 0},
                                pollfd{.fd = stop, .events = POLLIN, .revents = 0}};
    const int count = ::poll(ready.data(), ready.size(), -1);
    if (count > 0) return ready[0].revents != 0;
    if (count < 0 && errno != EINTR) return true;  // what is wrong, the call that follows will say
  }
}

}  // namespace

Serial::Serial(Kind kind, Descriptor owned, int descriptor, int stop)
    : kind_{kind}, owned_{std::move(owned)}, descriptor_{descriptor}, stop_{stop} {}

Serial::Serial(Serial&& other) noexcept
    : kind_{other.kind_},
      owned_{std::move(other.owned_)},
      descriptor_{other.descriptor_},
      stop_{other.stop_},
      buffer_limit_{other.buffer_limit_},
      on_pending_{std::move(other.on_pending_)},
      pending_{std::move(other.pending_)} {}

auto Serial::open(const OutputTarget& target, int stop) -> Result<Serial> {
  if (std::holds_alternative<NoOutput>(target)) return Serial{Kind::none, {}, -1, stop};
  if (const auto* const buffer = std::get_if<OutputBuffer>(&target)) {
    Serial serial{Kind::buffer, {}, -1, stop};
    serial.buffer_limit_ = buffer->limit;
    return serial;
  }
  const auto* const file = std::get_if<OutputFile>(&target);
  if (file == nullptr) return Serial{Kind::descriptor, {}, STDOUT_FILENO, stop};

  constexpr mode_t kMode = 0666;
  Descriptor opened{::open(file->path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kMode)};
  if (!opened.is_open()) return system_failure(fmt::format("the output file {} cannot be made", file->path), errno);
  const int number = opened.get();
  return Serial{Kind::descriptor, std::move(opened), number, stop};
}

void Serial::begin() {
  // A pipe or a device has nothing to be cut off.
  if (owned_.is_open() && ::ftruncate(owned_.get(), 0) != 0 && errno != EINVAL) note_error(errno);
}

void Serial::write(std::span<const std::byte> bytes) {
  // What is copied at a time does not depend on what the guest says.
  for (; !bytes.empty() && kind_ != Kind::none && write_error() == 0;
       bytes = bytes.subspan(std::min(bytes.size(), kCapacity))) {
    write_some(bytes.first(std::min(bytes.size(), kCapacity)));
  }
}

void Serial::write_some(std::span<const std::byte> bytes) {
  bool begins_to_wait = false;
  {
    const std::scoped_lock lock{mutex_};
    // The guest may change what it has written while it is looked at: this is the one copy that counts.
    const auto old_size = pending_.size();
    pending_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (kind_ == Kind::buffer) {
      if (pending_.size() > buffer_limit_) {
        pending_.resize(buffer_limit_);
        note_error(EFBIG);
      }
      return;
    }
    const auto line_end = pending_.rfind('\n');
    std::size_t ready = line_end == std::string::npos || line_end < old_size ? 0 : line_end + 1;
    if (pending_.size() - ready >= kCapacity) ready = pending_.size();
    if (ready > 0) {
      pass_on(std::string_view{pending_}.substr(0, ready));
      pending_.erase(0, ready);
    }
    begins_to_wait = !pending_.empty() && !has_pending();
    has_pending_.store(!pending_.empty(), std::memory_order_relaxed);
  }
  if (begins_to_wait && on_pending_) on_pending_();
}

void Serial::flush() {
  if (kind_ != Kind::descriptor) return;
  const std::scoped_lock lock{mutex_};
  pass_on(pending_);
  pending_.clear();
  has_pending_.store(false, std::memory_order_relaxed);
}

// Whether to write now: when somebody takes it, or the guest ends, and its last words are to be waited for.
auto Serial::can_write() const -> bool {
  const auto is_abandoned = [this] { return is_abandoned_.load(std::memory_order_relaxed); };
  if (is_abandoned()) return is_ready(descriptor_, POLLOUT, 0);
  if (wait_for(descriptor_, POLLOUT, stop_)) return true;
  // The guest has ended by itself, and a reader has its time for its last words.
  return is_abandoned() ? is_ready(descriptor_, POLLOUT, 0) : is_ready(descriptor_, POLLOUT, -1);
}

void Serial::pass_on(std::string_view text) {
  while (!text.empty() && write_error() == 0) {
    if (!can_write()) return note_error(EAGAIN);
    // As much as a pipe takes without waiting that poll(2) calls writable.
    const auto written = ::write(descriptor_, text.data(), std::min(text.size(), kCapacity));
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR && errno != EAGAIN) {
      note_error(errno);
    }
  }
}

auto Serial::take_buffer() -> std::string {
  const std::scoped_lock lock{mutex_};
  return std::exchange(pending_, {});
}

auto Serial::read_available(std::span<std::byte> bytes) -> std::size_t {
  if (bytes.empty() || !is_ready(STDIN_FILENO, POLLIN, 0)) return 0;
  const auto got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

auto Serial::wait_for_input() const -> bool {
  return wait_for(STDIN_FILENO, POLLIN, stop_);
}

}  // namespace hermitage::vmm
