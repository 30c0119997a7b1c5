#include "hermitage/oci/root_file_system.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

namespace fs = std::filesystem;

class RootFileSystemTest : public ::testing::Test {
 protected:
  RootFileSystemTest() {
    fs::create_directories(directory.file("root/sub"));
    directory.write("secret", "outside");
    directory.write("root/file", "inside");
  }

  [[nodiscard]] auto text_of(const std::string& path, std::size_t most = 64) const -> std::string {
    return RootFileSystem::open(directory.file("root"))->read(path, most).value_or("nothing");
  }

  hermitage::testing::TemporaryDirectory directory;
};

TEST_F(RootFileSystemTest, ReadsRegularFiles) {
  EXPECT_EQ(text_of("file"), "inside");
  EXPECT_EQ(text_of("/sub/../../../file", 3), "ins");
  EXPECT_EQ(text_of("/none"), "nothing");
  EXPECT_EQ(text_of("/sub"), "nothing");
  EXPECT_EQ(text_of("/file/x"), "nothing");
  EXPECT_FALSE(RootFileSystem::open(directory.file("none")));
}

TEST_F(RootFileSystemTest, FollowsLinksWithinTheRoot) {
  directory.write("root/secret", "of the container");
  fs::create_symlink("/file", directory.file("root/absolute"));
  fs::create_symlink("../../secret", directory.file("root/up"));
  fs::create_symlink(directory.file("secret"), directory.file("root/out"));
  fs::create_symlink("loop", directory.file("root/loop"));
  EXPECT_EQ(text_of("/absolute"), "inside");
  EXPECT_EQ(text_of("/up"), "of the container");
  EXPECT_EQ(text_of("/out"), "nothing");
  EXPECT_EQ(text_of("/loop"), "nothing");
}

TEST_F(RootFileSystemTest, OpensNoPipes) {
  ASSERT_EQ(::mkfifo(directory.file("root/pipe").c_str(), 0600), 0);
  EXPECT_EQ(text_of("/pipe"), "nothing");
}

TEST_F(RootFileSystemTest, CreatesFilesThatDoNotExist) {
  const auto root = RootFileSystem::open(directory.file("root")).value();
  const auto path = directory.file("root/sub/new");
  {
    const auto file = root.create("/sub/new").value();
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
    EXPECT_EQ(root.create("/sub/new").error(), "open /sub/new: File exists");
    file.remove();
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(root.create("/none/new").error(), "/none/new: its directory does not exist");
  EXPECT_FALSE(root.create("/sub/"));
  EXPECT_FALSE(root.create("/sub/.."));
  // A link leads to a directory of the container, and a link is not followed as the file.
  fs::create_symlink(directory.path(), directory.file("root/out"));
  fs::create_symlink(directory.file("outside"), directory.file("root/sub/link"));
  EXPECT_FALSE(root.create("/out/new"));
  EXPECT_FALSE(root.create("/sub/link"));
  EXPECT_FALSE(fs::exists(directory.file("outside")) || fs::exists(directory.file("new")));
}

// Another process exchanges a directory for a link out of the root, again and again.
TEST_F(RootFileSystemTest, IsNotLedAstrayByRenames) {
  directory.write("root/sub/secret", "inside");
  fs::create_symlink("../..", directory.file("root/link"));
  std::atomic<bool> stops = false;
  std::thread other{[&] {
    while (!stops) {
      fs::rename(directory.file("root/sub"), directory.file("root/kept"));
      fs::rename(directory.file("root/link"), directory.file("root/sub"));
      fs::rename(directory.file("root/sub"), directory.file("root/link"));
      fs::rename(directory.file("root/kept"), directory.file("root/sub"));
    }
  }};
  for (int i = 0; i < 2000; ++i) EXPECT_NE(text_of("/sub/secret"), "outside");
  stops = true;
  other.join();
}

}  // namespace
}  // namespace hermitage::oci
