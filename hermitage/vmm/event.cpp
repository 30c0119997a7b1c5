#include "hermitage/vmm/event.hpp"

#include <cerrno>

#include <sys/eventfd.h>

namespace hermitage::vmm {

auto Event::make() -> Result<Event> {
  Descriptor descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!descriptor.is_open()) return system_failure("eventfd", errno);
  return Event{std::move(descriptor)};
}

void Event::signal() const noexcept {
  const int error = errno;
  ::eventfd_write(descriptor_.get(), 1);
  errno = error;
}

void Event::clear() const noexcept {
  const int error = errno;
  eventfd_t count = 0;
  [[maybe_unused]] const int outcome = ::eventfd_read(descriptor_.get(), &count);
  errno = error;
}

}  // namespace hermitage::vmm
