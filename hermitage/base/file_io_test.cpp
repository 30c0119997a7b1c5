#include "hermitage/base/file_io.hpp"

#include <array>
#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::base {
namespace {

constexpr std::size_t kNoLimit = std::size_t{1} << 30;

auto memory_file() -> Descriptor {
  return Descriptor{::memfd_create("file", MFD_CLOEXEC)};
}

TEST(FileIo, WhatIsWrittenIsRead) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{65536}, std::size_t{200'001}}) {
    const auto file = memory_file();
    const std::vector<std::byte> bytes(size, std::byte{7});
    ASSERT_TRUE(write_all(file.get(), bytes));
    ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
    EXPECT_EQ(read_all(file.get(), kNoLimit), bytes);
  }
}

TEST(FileIo, APipeIsReadToItsEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reader{ends[0]};
  const std::vector<std::byte> bytes(300'000, std::byte{3});
  std::jthread writer{[&bytes, end = Descriptor{ends[1]}] { EXPECT_TRUE(write_all(end.get(), bytes)); }};
  EXPECT_EQ(read_all(reader.get(), kNoLimit), bytes);
}

TEST(FileIo, TheLimitIsKept) {
  const auto file = memory_file();
  ASSERT_TRUE(write_all(file.get(), std::vector<std::byte>(10)));
  ::lseek(file.get(), 0, SEEK_SET);
  EXPECT_EQ(read_all(file.get(), 9), std::unexpected{EFBIG});
  EXPECT_TRUE(read_all(file.get(), 10));

  const Descriptor zeros{::open("/dev/zero", O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(read_all(zeros.get(), 100'000), std::unexpected{EFBIG});
}

TEST(FileIo, ABufferIsFilledOrTheEndIsReached) {
  const hermitage::testing::TemporaryDirectory directory;
  const Descriptor file{::open(directory.write("file", "content").c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<std::byte, 4> buffer{};
  EXPECT_EQ(read_full(file.get(), buffer), 4U);
  EXPECT_EQ(buffer[3], std::byte{'t'});
  EXPECT_EQ(read_full(file.get(), buffer), 3U);
  EXPECT_EQ(read_full(file.get(), buffer), 0U);
  EXPECT_EQ(read_full(file.get(), {}), 0U);
  EXPECT_EQ(read_full(-1, buffer), std::unexpected{EBADF});
}

TEST(FileIo, ErrorsAreTheSystems) {
  EXPECT_EQ(read_all(-1, kNoLimit), std::unexpected{EBADF});
  EXPECT_EQ(write_all(-1, std::vector<std::byte>(1)), std::unexpected{EBADF});
  const Descriptor full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  EXPECT_EQ(write_all(full.get(), std::vector<std::byte>(1)), std::unexpected{ENOSPC});
  const Descriptor directory{::open("/", O_RDONLY | O_CLOEXEC)};
  EXPECT_EQ(read_all(directory.get(), kNoLimit), std::unexpected{EISDIR});
}

}  // namespace
}  // namespace hermitage::base
