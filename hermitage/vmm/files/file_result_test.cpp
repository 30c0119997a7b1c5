#include "hermitage/vmm/files/file_result.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include <gtest/gtest.h>

#include "hermitage/vmm/descriptor.hpp"

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

TEST(Transfers, TakeAnyNumberOfBuffers) {
  const base::Descriptor file{::memfd_create("file", MFD_CLOEXEC)};
  ASSERT_TRUE(file.is_open());
  std::string first = "abc";
  std::string second = "defg";
  const std::array both{iovec{.iov_base = first.data(), .iov_len = 3}, iovec{.iov_base = second.data(), .iov_len = 4}};
  const auto one = std::span{both}.first(1);
  EXPECT_EQ(write_from(file.get(), both), 7);
  EXPECT_EQ(write_from(file.get(), one), 3);
  EXPECT_EQ(write_from(file.get(), {}), 0);
  EXPECT_EQ(::lseek(file.get(), 1, SEEK_SET), 1);
  EXPECT_EQ(read_into(file.get(), one), 3);
  EXPECT_EQ(first, "bcd");
  EXPECT_EQ(read_into(file.get(), both), 6);
  EXPECT_EQ(first + second, "efgabcg");
  EXPECT_EQ(read_into(file.get(), one), 0) << "at the end";
  EXPECT_EQ(read_into(-1, one), -1);
  EXPECT_EQ(write_from(-1, both), -1);

  // Access at an offset, without changing the position. The content is then "aefgabcgbcefg".
  EXPECT_EQ(write_at(file.get(), 1, both), 7);
  EXPECT_EQ(write_at(file.get(), 10, one), 3);
  EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 10);
  EXPECT_EQ(read_at(file.get(), 8, both), 5);
  EXPECT_EQ(first + second, "bcefgcg");
  EXPECT_EQ(read_at(file.get(), 13, one), 0);
  EXPECT_EQ(read_at(-1, 0, both), -1);
  EXPECT_EQ(write_at(-1, 0, one), -1);
}

}  // namespace
}  // namespace hermitage::vmm
