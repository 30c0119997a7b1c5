#include "hermitage/cli/bus_errors.hpp"

#include <atomic>
#include <csignal>
#include <cstddef>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::cli {
namespace {

constexpr std::size_t kPage = 4096;

std::atomic<int> count = 0;

// A page of a file that has none any more.
class LostPage {
 public:
  LostPage() : file_{::open(directory_.write("file", std::string(2 * kPage, 'x')).c_str(), O_RDWR | O_CLOEXEC)} {
    bytes_ = static_cast<char*>(::mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE, file_.get(), 0));
    EXPECT_EQ(::ftruncate(file_.get(), kPage), 0);
  }
  LostPage(const LostPage&) = delete;
  auto operator=(const LostPage&) -> LostPage& = delete;
  ~LostPage() { ::munmap(bytes_, 2 * kPage); }

  [[nodiscard]] auto kept() const -> const volatile char* { return bytes_; }
  [[nodiscard]] auto lost() const -> const volatile char* { return bytes_ + kPage; }

 private:
  testing::TemporaryDirectory directory_;
  base::Descriptor file_;
  char* bytes_ = nullptr;
};

TEST(BusErrors, FindZerosWhereAFileWasTruncated) {
  const LostPage page;
  const BusErrors errors{[] { ++count; }};
  count = 0;
  EXPECT_FALSE(BusErrors::take());
  EXPECT_EQ(page.lost()[100], '\0');
  EXPECT_EQ(page.lost()[101], '\0');
  EXPECT_EQ(page.kept()[100], 'x');
  EXPECT_EQ(count, 1) << "once for a page";
  EXPECT_TRUE(BusErrors::take());
  EXPECT_FALSE(BusErrors::take());
}

TEST(BusErrors, OfAnotherKindEndTheProcess) {
  const auto child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);
    const BusErrors errors{[] {}};
    ::raise(SIGBUS);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGBUS);
}

}  // namespace
}  // namespace hermitage::cli
