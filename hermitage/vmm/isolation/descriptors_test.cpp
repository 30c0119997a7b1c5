#include "hermitage/vmm/isolation/descriptors.hpp"

#include <array>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm::isolation {
namespace {

auto is_open(int descriptor) -> bool {
  return ::fcntl(descriptor, F_GETFD) >= 0;
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    reading = Descriptor{ends[0]};
    writing = Descriptor{ends[1]};
  }
  Descriptor reading;
  Descriptor writing;
};

TEST(Descriptors, AreAThreadsOwn) {
  const Pipe pipe;
  const Pipe other;
  bool has_own = false;
  bool has_other = true;
  bool has_errors = false;
  std::thread{[&] {
    const std::array kept{pipe.writing.get()};
    if (!keep_only(kept)) return;
    has_own = is_open(pipe.writing.get()) && !is_open(pipe.reading.get());
    has_other = is_open(other.reading.get()) || is_open(other.writing.get()) || is_open(STDIN_FILENO);
    has_errors = is_open(STDERR_FILENO);
    [[maybe_unused]] const auto written = ::write(pipe.writing.get(), "x", 1);
  }}.join();
  EXPECT_TRUE(has_own);
  EXPECT_FALSE(has_other);
  EXPECT_TRUE(has_errors);
  EXPECT_TRUE(is_open(other.reading.get()));
  char byte = 0;
  EXPECT_EQ(::read(pipe.reading.get(), &byte, 1), 1);
}

TEST(Descriptors, LeadNowhereOnceTheyAreHidden) {
  const Pipe pipe;
  ASSERT_TRUE(hide(std::array{pipe.writing.get()}));
  EXPECT_EQ(::fcntl(pipe.writing.get(), F_GETFD), FD_CLOEXEC);
  char byte = 0;
  EXPECT_EQ(::read(pipe.reading.get(), &byte, 1), 0);  // no process has the other end open
}

}  // namespace
}  // namespace hermitage::vmm::isolation
