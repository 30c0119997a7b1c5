#include "hermitage/vmm/file_result.hpp"

#include <array>
#include <cerrno>

#include <gtest/gtest.h>

namespace hermitage::vmm {
namespace {

TEST(GuestErrno, IsTheHosts) {
  EXPECT_EQ(guest_errno(EACCES), Errno::acces);
  EXPECT_EQ(guest_errno(ENOSPC), Errno::nospc);
  EXPECT_EQ(guest_errno(133), static_cast<Errno>(133));
  EXPECT_EQ(guest_errno(134), Errno::io);
  EXPECT_EQ(guest_errno(0), Errno::io);
  EXPECT_EQ(guest_errno(-1), Errno::io);
}

TEST(LastError, IsWhatErrnoSays) {
  errno = ENOENT;
  EXPECT_EQ(last_error().error(), Errno::noent);
}

TEST(TotalSize, IsThatOfAllBuffers) {
  EXPECT_EQ(total_size({}), 0U);
  const std::array buffers{iovec{.iov_base = nullptr, .iov_len = 3}, iovec{.iov_base = nullptr, .iov_len = 4}};
  EXPECT_EQ(total_size(buffers), 7U);
}

}  // namespace
}  // namespace hermitage::vmm
