#include "hermitage/base/reader_limit.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>

#include <poll.h>

namespace hermitage::base {

void ReaderLimit::set(std::chrono::milliseconds grace) noexcept {
  auto none = Clock::duration::max();
  end_.compare_exchange_strong(none, Clock::now().time_since_epoch() + grace);
}

auto ReaderLimit::wait(int descriptor, int wakeup) const noexcept -> bool {
  for (;;) {
    const auto end = end_.load();
    const bool is_limited = end != Clock::duration::max();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now().time_since_epoch()).count();
    const auto timeout = is_limited ? static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)) : -1;
    std::array<pollfd, 2> ready{pollfd{.fd = descriptor, .events = POLLOUT, .revents = 0},
                                pollfd{.fd = is_limited ? -1 : wakeup, .events = POLLIN, .revents = 0}};
    const int count = ::poll(ready.data(), ready.size(), timeout);
    if (count < 0 && errno != EINTR) return true;  // the following write fails as well, and reports the reason
    if (count > 0 && ready[0].revents != 0) return true;
    if (is_limited && left <= 0) return false;
  }
}

}  // namespace hermitage::base
