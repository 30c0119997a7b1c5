#include "hermitage/launch/snapshot_file.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::launch {
namespace {

namespace fs = std::filesystem;

class SnapshotFileTest : public ::testing::Test {
 protected:
  static auto make(const std::string& path, std::string_view content) -> std::pair<SnapshotFile, base::Descriptor> {
    auto file = SnapshotFile::create(path).value();
    auto descriptor = file.release();
    EXPECT_EQ(::write(descriptor.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
    return {std::move(file), std::move(descriptor)};
  }
  static auto read(const std::string& path) -> std::string {
    std::ifstream file{path};
    return {std::istreambuf_iterator<char>{file}, {}};
  }
  [[nodiscard]] auto count() const -> std::ptrdiff_t {
    return std::distance(fs::directory_iterator{directory.path()}, fs::directory_iterator{});
  }

  hermitage::testing::TemporaryDirectory directory;
  std::string path = directory.file("app.snap");
};

TEST_F(SnapshotFileTest, AppearsWhenItIsPublished) {
  const auto [file, descriptor] = make(path, "new");
  EXPECT_FALSE(fs::exists(path));
  const auto published = file.publish();
  ASSERT_TRUE(published) << published.error().message();
  EXPECT_EQ(read(path), "new");
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  EXPECT_EQ(count(), 1);
}

TEST_F(SnapshotFileTest, ReplacesAFile) {
  std::ofstream{path} << "old";
  const auto [file, descriptor] = make(path, "new");
  EXPECT_EQ(read(path), "old");
  ASSERT_TRUE(file.publish());
  EXPECT_EQ(read(path), "new");
  EXPECT_EQ(count(), 1);
}

TEST_F(SnapshotFileTest, CanBeMadeTwiceAtOnce) {
  const auto [first, first_descriptor] = make(path, "first");
  const auto [second, second_descriptor] = make(path, "second");
  ASSERT_TRUE(second.publish());
  ASSERT_TRUE(first.publish());
  EXPECT_EQ(read(path), "first");
  EXPECT_EQ(count(), 1);
}

TEST_F(SnapshotFileTest, LeavesNothingOfAProcessThatIsKilled) {
  std::ofstream{path} << "old";
  const auto child = ::fork();
  if (child == 0) {
    const auto made = make(path, "new");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read(path), "old");
  // The helper removes a temporary name soon.
  for (int i = 0; i < 1000 && count() != 1; ++i) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(count(), 1);
}

TEST_F(SnapshotFileTest, NamesTheCallThatFailed) {
  fs::create_directory(path);
  const auto [file, descriptor] = make(path, "new");
  const auto published = file.publish();
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().message(), "renameat: Is a directory");
  EXPECT_EQ(count(), 1);
  const auto missing = SnapshotFile::create("/nonexistent/app.snap");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message(), "open of its directory: No such file or directory");
  const auto nameless = SnapshotFile::create(directory.path() + "/");
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().message(), "is not the name of a file");
}

}  // namespace
}  // namespace hermitage::launch
