#include "hermitage/vmm/event.hpp"

#include <cerrno>

#include <gtest/gtest.h>
#include <poll.h>

namespace hermitage::vmm {
namespace {

auto is_readable(const Event& event) -> bool {
  pollfd ready{.fd = event.descriptor(), .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 1;
}

TEST(EventTest, IsReadableFromSignalToClear) {
  const auto event = Event::make();
  ASSERT_TRUE(event);
  EXPECT_FALSE(is_readable(*event));
  event->signal();
  event->signal();
  EXPECT_TRUE(is_readable(*event));
  event->clear();
  EXPECT_FALSE(is_readable(*event));
}

TEST(EventTest, LeavesErrnoAsItIs) {
  const auto event = Event::make();
  ASSERT_TRUE(event);
  errno = ENOTTY;
  event->clear();  // not signaled
  EXPECT_EQ(errno, ENOTTY);
  event->signal();
  EXPECT_EQ(errno, ENOTTY);
}

}  // namespace
}  // namespace hermitage::vmm
