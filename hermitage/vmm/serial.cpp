#include "hermitage/vmm/serial.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace hermitage::vmm {
auto Serial::Events::make() -> Result<Events> {
  auto ended = Event::make();
  if (!ended) return std::unexpected{ended.error()};
  auto abandoned = Event::make();
  if (!abandoned) return std::unexpected{abandoned.error()};
  return Events{.ended = std::move(*ended), .abandoned = std::move(*abandoned)};
}

Serial::Serial(Kind kind, Events events, Descriptor owned, int descriptor) noexcept
    : kind_{kind}, events_{std::move(events)}, owned_{std::move(owned)}, descriptor_{descriptor} {}

Serial::Serial(Serial&& other) noexcept
    : kind_{other.kind_},
      events_{std::move(other.events_)},
      owned_{std::move(other.owned_)},
      descriptor_{other.descriptor_},
      buffer_limit_{other.buffer_limit_},
      on_pending_{std::move(other.on_pending_)},
      on_output_{std::move(other.on_output_)},
      pending_{std::move(other.pending_)} {}

auto Serial::open(const OutputTarget& target) -> Result<Serial> {
  auto events = Events::make();
  if (!events) return std::unexpected{events.error()};
  if (std::holds_alternative<NoOutput>(target)) return Serial{Kind::none, std::move(*events), {}, -1};
  if (const auto* const buffer = std::get_if<OutputBuffer>(&target)) {
    Serial serial{Kind::buffer, std::move(*events), {}, -1};
    serial.buffer_limit_ = buffer->limit;
    return serial;
  }
  const auto* const file = std::get_if<OutputFile>(&target);
  if (file == nullptr) return Serial{Kind::descriptor, std::move(*events), {}, STDOUT_FILENO};

  constexpr mode_t kMode = 0666;
  Descriptor opened{::open(file->path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, kMode)};
  if (!opened.is_open())
    return system_failure(fmt::format("cannot create the output file {}: open", file->path), errno);
  const int number = opened.get();
  return Serial{Kind::descriptor, std::move(*events), std::move(opened), number};
}

void Serial::begin() {
  // A pipe or a device cannot be truncated.
  if (owned_.is_open() && ::ftruncate(owned_.get(), 0) != 0 && errno != EINVAL) note_error(errno);
}

void Serial::write(std::span<const std::byte> bytes) {
  if (kind_ == Kind::none) return;
  // The guest does not determine the size of a copy.
  while (!bytes.empty() && write_error() == 0) {
    const auto size = std::min(bytes.size(), kCapacity);
    write_some(bytes.first(size));
    bytes = bytes.subspan(size);
    if (is_ended_.load(std::memory_order_relaxed)) break;
  }
  if (is_abandoned_.load() && write_error() == 0) undelivered_ += bytes.size();
}

void Serial::write_some(std::span<const std::byte> bytes) {
  bool begins_to_wait = false;
  {
    const auto lock = lock_at(gate_, output_mutex_);
    // The guest can change its output at any time: this is the only copy.
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
  const auto lock = lock_at(gate_, output_mutex_);
  pass_on(pending_);
  pending_.clear();
  has_pending_.store(false, std::memory_order_relaxed);
}

void Serial::flush_some() {
  if (kind_ != Kind::descriptor) return;
  const std::unique_lock lock{output_mutex_, std::try_to_lock};
  if (!lock || pending_.empty() || write_error() != 0) return;
  pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, 0) <= 0) return;
  // A pipe that is ready accepts this many bytes at once.
  const auto written = ::write(descriptor_, pending_.data(), std::min<std::size_t>(pending_.size(), PIPE_BUF));
  if (written < 0 && errno != EINTR && errno != EAGAIN) note_error(errno);
  if (written <= 0) return;
  const auto size = static_cast<std::size_t>(written);
  if (on_output_) on_output_(std::string_view{pending_}.substr(0, size));
  pending_.erase(0, size);
  has_pending_.store(!pending_.empty(), std::memory_order_relaxed);
}

void Serial::pass_on(std::string_view text) {
  if (on_output_ && !text.empty()) on_output_(text);
  while (!text.empty() && write_error() == 0) {
    if (write_once(text)) continue;
    undelivered_ += text.size();
    return;
  }
}

auto Serial::write_once(std::string_view& text) -> bool {
  // The string belongs to the monitor: a vCPU that waits in poll(2) or write(2) does not access the guest memory.
  const PauseGate::Wait wait{gate_};
  if (!reader_limit_.wait(descriptor_, events_.abandoned.descriptor())) return false;
  const auto written = ::write(descriptor_, text.data(), std::min<std::size_t>(text.size(), base::kWriteSize));
  if (written >= 0) {
    text.remove_prefix(static_cast<std::size_t>(written));
  } else if (errno != EINTR && errno != EAGAIN) {
    note_error(errno);
  }
  return true;
}

void Serial::abandon() noexcept {
  reader_limit_.set(kGrace);
  is_abandoned_.store(true);
  events_.abandoned.signal();
  end();
}

auto Serial::take_buffer() -> std::string {
  const std::scoped_lock lock{output_mutex_};
  return std::exchange(pending_, {});
}

// Waits for data on standard input, or its end. Returns false after end().
auto Serial::wait_for_input() const -> bool {
  const PauseGate::Wait wait{gate_, PauseGate::Wait::Effect::none};
  while (!is_ended_.load()) {
    std::array<pollfd, 2> ready{pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                pollfd{.fd = events_.ended.descriptor(), .events = POLLIN, .revents = 0}};
    const int count = ::poll(ready.data(), ready.size(), -1);
    if (count < 0 && errno != EINTR) return true;  // the following read fails, too, and reports the error
    if (count > 0 && ready[1].revents == 0) return true;
  }
  return false;
}

auto Serial::read(std::span<const iovec> buffers) -> FileResult<std::uint64_t> {
  const auto lock = lock_at(gate_, input_mutex_, PauseGate::Wait::Effect::none);
  while (wait_for_input()) {
    const auto got = read_into(STDIN_FILENO, buffers);
    if (got >= 0) return static_cast<std::uint64_t>(got);
    if (errno != EINTR && errno != EAGAIN) return last_error();
  }
  return fails(guest_errno(EINTR));
}

auto Serial::read_available(std::span<std::byte> bytes) -> std::size_t {
  const std::unique_lock held{input_mutex_, std::try_to_lock};
  if (!held || bytes.empty()) return 0;
  pollfd ready{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, 0) <= 0) return 0;
  const iovec buffer{.iov_base = bytes.data(), .iov_len = bytes.size()};
  const auto got = read_into(STDIN_FILENO, {&buffer, 1});
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

void Serial::end() noexcept {
  is_ended_.store(true);
  events_.ended.signal();
}

}  // namespace hermitage::vmm
