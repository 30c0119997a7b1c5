#include "hermitage/vmm/files/private_directory.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStale = "hermitage-0123456789abcdef";

void make_file(int directory, const char* name) {
  ::close(::openat(directory, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

auto names_in(const std::string& path) -> std::vector<std::string> {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{path}) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

// A directory that another process has left.
auto leave_behind(const testing::TemporaryDirectory& parent, const char* name = kStale, mode_t mode = 0700)
    -> std::string {
  const auto path = parent.file(name);
  fs::create_directory(path);
  ::chmod(path.c_str(), mode);
  parent.write(std::string{name} + "/1", "content");
  return path;
}

TEST(IsPrivateName, KnowsTheForm) {
  for (const auto* const name :
       {kStale, "hermitage-0000000000000000", "HERMITAGE-0123456789ABCDEF", "Hermitage-aB0123456789cDeF"}) {
    EXPECT_TRUE(is_private_name(name)) << name;
  }
  for (const auto* const name :
       {"", "hermitage-", "hermitage-0123456789abcde", "hermitage-0123456789abcdef0", "hermitage-0123456789abcdeg",
        "hermitage_0123456789abcdef", "ermitage-0123456789abcdef0"}) {
    EXPECT_FALSE(is_private_name(name)) << name;
  }
}

TEST(PrivateDirectory, IsForNobodyElse) {
  const testing::TemporaryDirectory parent;
  const auto made = PrivateDirectory::make(parent.path());
  ASSERT_TRUE(made);
  struct stat status{};
  ASSERT_EQ(::fstat(made->descriptor(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
  EXPECT_EQ(names_in(parent.path()), std::vector<std::string>{made->name()});
}

TEST(PrivateDirectory, GoesAwayWithWhatIsInIt) {
  const testing::TemporaryDirectory parent;
  {
    auto made = PrivateDirectory::make(parent.path());
    ASSERT_TRUE(made);
    for (int i = 0; i < 3000; ++i) make_file(made->descriptor(), std::to_string(i).c_str());
    const PrivateDirectory moved{std::move(*made)};
    EXPECT_EQ(names_in(parent.path() + "/" + moved.name()).size(), 3000U);
  }
  EXPECT_TRUE(parent.is_empty());
}

TEST(PrivateDirectory, SaysWhyItCannotBeMade) {
  const testing::TemporaryDirectory parent;
  EXPECT_EQ(PrivateDirectory::make(parent.file("nowhere")).error(), ENOENT);
  EXPECT_EQ(PrivateDirectory::make(parent.write("file", "")).error(), ENOTDIR);
}

TEST(PrivateDirectory, OfAKilledProcessIsSwept) {
  const testing::TemporaryDirectory parent;
  leave_behind(parent);
  const auto made = PrivateDirectory::make(parent.path());
  ASSERT_TRUE(made);
  EXPECT_EQ(names_in(parent.path()), std::vector<std::string>{made->name()});
}

TEST(PrivateDirectory, OfAKilledProcessIsSweptFromAmongManyNames) {
  const testing::TemporaryDirectory parent;
  for (int i = 0; i < 1500; ++i) parent.write("a-foreign-name-of-some-length-" + std::to_string(i), "");
  constexpr int kStaleOnes = 20;  // at any place in the listing
  for (int i = 0; i < kStaleOnes; ++i)
    leave_behind(parent, ("hermitage-00000000000000" + std::to_string(10 + i)).c_str());
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  EXPECT_EQ(names_in(parent.path()).size(), 1500U);
}

TEST(PrivateDirectory, IsSweptWhereTheGroupIsInherited) {
  const testing::TemporaryDirectory parent;
  leave_behind(parent, kStale, 02700);
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  EXPECT_TRUE(parent.is_empty());
}

// Under Landlock, the descriptor only permits creating and removing names.
TEST(PrivateDirectory, KeepsAParentThatCannotBeListed) {
  const testing::TemporaryDirectory parent;
  const auto made = PrivateDirectory::make(parent.path());
  ASSERT_TRUE(made);
  EXPECT_NE(::fcntl(made->parent(), F_GETFL) & O_PATH, 0);
}

// A running process holds its lock; a killed one does not.
TEST(PrivateDirectory, IsLeftAloneWhileItIsInUse) {
  const testing::TemporaryDirectory parent;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto child = ::fork();
  if (child == 0) {
    const auto made = PrivateDirectory::make(parent.path());
    make_file(made->descriptor(), "1");
    [[maybe_unused]] const auto written = ::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  const auto of_child = names_in(parent.path()).front();
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  EXPECT_TRUE(fs::exists(parent.file(of_child + "/1")));

  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(fs::exists(parent.file(of_child)));
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  EXPECT_TRUE(parent.is_empty());
  ::close(ready[0]);
  ::close(ready[1]);
}

// With many directories in use, each sweep looks at some of them, and all are looked at in time.
TEST(PrivateDirectory, OfAKilledProcessIsSweptFromAmongManyInUse) {
  const testing::TemporaryDirectory parent;
  std::vector<PrivateDirectory> in_use;
  for (int i = 0; i < 300; ++i) in_use.push_back(PrivateDirectory::make(parent.path()).value());
  constexpr int kStaleOnes = 20;
  for (int i = 0; i < kStaleOnes; ++i)
    leave_behind(parent, fmt::format("hermitage-{:x}0000000000000{:02}", i % 16, i).c_str());
  int rounds = 0;
  while (names_in(parent.path()).size() > in_use.size() && rounds < 1000) {
    EXPECT_TRUE(PrivateDirectory::make(parent.path()));
    ++rounds;
  }
  EXPECT_LT(rounds, 1000);
  for (const auto& directory : in_use) EXPECT_TRUE(fs::exists(parent.file(directory.name())));
}

TEST(PrivateDirectory, IsAllThatIsSwept) {
  const testing::TemporaryDirectory parent;
  const testing::TemporaryDirectory elsewhere;
  elsewhere.write("1", "content");
  // Other names, other modes, a link with a valid name, and a file.
  for (const auto* const name : {"hermitage-backup", "hermitage-0123456789abcdeF", "hermitage-0123456789abcde",
                                 "hermitage-0123456789abcdef0", "Hermitage-0123456789abcdef", "0123456789abcdef"}) {
    leave_behind(parent, name);
  }
  leave_behind(parent, "hermitage-0000000000000001", 0755);
  fs::create_symlink(elsewhere.path(), parent.file("hermitage-0000000000000002"));
  parent.write("hermitage-0000000000000003", "content");
  const auto before = names_in(parent.path());
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  EXPECT_EQ(names_in(parent.path()), before);
  EXPECT_TRUE(fs::exists(elsewhere.file("1")));
  EXPECT_TRUE(fs::exists(parent.file("hermitage-backup/1")));
}

TEST(PrivateDirectory, OfAnotherUserIsNotSwept) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give directories away";
  const testing::TemporaryDirectory parent;
  ASSERT_EQ(::chown(leave_behind(parent).c_str(), 12345, 12345), 0);
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  EXPECT_TRUE(fs::exists(parent.file(std::string{kStale} + "/1")));
}

// A private directory never contains a directory. A directory that contains one is not private.
TEST(PrivateDirectory, IsNotDescendedFrom) {
  const testing::TemporaryDirectory parent;
  const auto stale = leave_behind(parent);
  fs::create_directory(stale + "/deeper");
  parent.write(std::string{kStale} + "/deeper/file", "content");
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  EXPECT_TRUE(fs::exists(stale + "/deeper/file"));
}

TEST(PrivateDirectory, CanBeMadeWhereNamesCannotBeListed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root lists everything";
  const testing::TemporaryDirectory parent;
  ::chmod(parent.path().c_str(), 0300);
  EXPECT_TRUE(PrivateDirectory::make(parent.path()));
  ::chmod(parent.path().c_str(), 0700);
  EXPECT_TRUE(parent.is_empty());
}

// Each process sweeps before it makes its directory. No directory of another one is removed, and none is left.
TEST(PrivateDirectory, IsNobodyElsesWhileManyAreMade) {
  const testing::TemporaryDirectory parent;
  std::atomic<int> lost = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        const auto made = PrivateDirectory::make(parent.path());
        if (!made) {
          ++refused;
          continue;
        }
        make_file(made->descriptor(), "1");
        if (!fs::exists(parent.file(made->name() + "/1"))) ++lost;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(parent.is_empty());
}

}  // namespace
}  // namespace hermitage::vmm
