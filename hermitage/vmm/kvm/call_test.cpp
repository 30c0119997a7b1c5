#include "hermitage/vmm/kvm/call.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>

#include <gtest/gtest.h>

namespace hermitage::vmm::kvm {
namespace {

// Calls on a pipe, which every system has.
TEST(KvmCall, FailsWithTheNameOfTheCall) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Descriptor reader{ends[0]};
  const Descriptor writer{ends[1]};
  ASSERT_EQ(::write(writer.get(), "abc", 3), 3);
  int count = 0;
  EXPECT_TRUE(call(reader, FIONREAD, &count, "FIONREAD"));
  EXPECT_EQ(count, 3);
  const auto closed = call(Descriptor{}, FIONREAD, &count, "FIONREAD");
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().message(), "FIONREAD: Bad file descriptor");
  EXPECT_EQ(call(reader, FIOCLEX, 0UL, "FIOCLEX"), 0);
  const auto unknown = call(reader, 0UL, 0UL, "NOTHING");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message(), "NOTHING: Inappropriate ioctl for device");
}

}  // namespace
}  // namespace hermitage::vmm::kvm
