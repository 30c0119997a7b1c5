#include "hermitage/vmm/files/guest_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "hermitage/vmm/files/guest_files_testing.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using testing::content_of;
using testing::list;
using testing::put;
using testing::read_all;
using testing::write_to;
using uhyve::kOpenCreate;
using uhyve::kOpenDirectory;
using uhyve::kOpenExclusive;
using uhyve::kOpenReadOnly;
using uhyve::kOpenReadWrite;
using uhyve::kOpenTruncate;
using uhyve::kOpenWriteOnly;

auto shared(std::string_view text) -> std::shared_ptr<const std::byte[]> {
  auto bytes = std::make_shared<std::byte[]>(text.size());
  std::memcpy(bytes.get(), text.data(), text.size());
  return bytes;
}

void add_file(GuestFiles& files, std::string_view path, std::string_view content) {
  files.add_file(path, shared(content), content.size(), 0755);
}

auto make(GuestFiles& files, std::string_view path, const std::string& content = "") -> Errno {
  const auto written = write_to(files, path, content, kOpenWriteOnly | kOpenCreate);
  if (!written) return written.error();
  EXPECT_EQ(*written, content.size());
  return {};
}

class GuestFilesTest : public ::testing::Test {
 protected:
  hermitage::testing::TemporaryDirectory directory;
  GuestFiles files{directory.path()};
};

TEST_F(GuestFilesTest, FindByEveryPath) {
  add_file(files, "etc/motd", "hello");
  add_file(files, "usr/share/doc/text", "text");
  for (const auto* const path : {"/etc/motd", "etc/motd", "//etc///motd", "/./etc/./motd", "/etc/../etc/motd",
                                 "/../../etc/motd", "/usr/share/../../etc/motd", "/etc/motd/"}) {
    EXPECT_EQ(content_of(files, path), "hello") << path;
  }
  EXPECT_EQ(content_of(files, "/usr/share/doc/text"), "text");
  EXPECT_EQ(content_of(files, ""), "errno 2");
  EXPECT_EQ(content_of(files, "/etc/motd/.."), "errno 20");
  EXPECT_EQ(content_of(files, "/nowhere/.."), "errno 2");
  EXPECT_EQ(content_of(files, "/etc"), "errno 21") << "a directory can be opened, but not read";
}

TEST_F(GuestFilesTest, ReachNothingOfTheHost) {
  const auto secret = directory.write("secret", "secret");
  add_file(files, "etc/motd", "hello");
  files.add_link("out", "../../../../../../.." + secret);
  files.add_link("absolute", secret);
  EXPECT_EQ(content_of(files, secret), "errno 2");
  EXPECT_EQ(content_of(files, "/../../../../../.." + secret), "errno 2");
  EXPECT_EQ(content_of(files, "/out"), "errno 2");
  EXPECT_EQ(content_of(files, "/absolute"), "errno 2");
  EXPECT_EQ(content_of(files, "/proc/self/exe"), "errno 2");
  EXPECT_EQ(content_of(files, "/dev/null"), "errno 2");
  // A file that is created with such a name belongs to the guest.
  EXPECT_EQ(make(files, secret, "mine"), Errno{});
  EXPECT_EQ(content_of(files, secret), "mine");
  EXPECT_EQ(content_of(files, "/absolute"), "mine");
  std::ifstream host{secret};
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>{host}, {}), "secret");
}

TEST_F(GuestFilesTest, FollowLinks) {
  add_file(files, "a/b/file", "found");
  add_file(files, "top", "at the top");
  files.add_link("a/relative", "b/file");
  files.add_link("a/up", "../top");
  files.add_link("absolute", "/a/b");
  files.add_link("beyond", "../../../top");
  files.add_link("a/b/chain", "../relative");
  EXPECT_EQ(content_of(files, "/a/relative"), "found");
  EXPECT_EQ(content_of(files, "/a/up"), "at the top");
  EXPECT_EQ(content_of(files, "/absolute/file"), "found");
  EXPECT_EQ(content_of(files, "/absolute/../relative"), "found") << ".. is of the link's target";
  EXPECT_EQ(content_of(files, "/beyond"), "at the top") << "there is nothing above the root";
  EXPECT_EQ(content_of(files, "/a/b/chain"), "found");

  // The number of links that Linux follows, and one more.
  files.add_link("l1", "top");
  for (int i = 2; i <= 41; ++i) files.add_link("l" + std::to_string(i), "l" + std::to_string(i - 1));
  EXPECT_EQ(content_of(files, "/l40"), "at the top");
  EXPECT_EQ(content_of(files, "/l41"), "errno 40");
  files.add_link("self", "self");
  files.add_link("ping", "pong/x");
  files.add_link("pong", "ping/y");
  EXPECT_EQ(content_of(files, "/self"), "errno 40");
  EXPECT_EQ(content_of(files, "/ping"), "errno 40");
  EXPECT_EQ(make(files, "/self/x"), Errno::loop);
}

TEST_F(GuestFilesTest, MakeFilesThroughLinks) {
  files.add_directory("dir");
  files.add_link("dangling", "dir/new");
  EXPECT_EQ(make(files, "/dangling", "x"), Errno{});
  EXPECT_EQ(content_of(files, "/dir/new"), "x");
}

TEST_F(GuestFilesTest, KeepTheLastOfTwo) {
  add_file(files, "x", "first");
  add_file(files, "/x/", "second");
  EXPECT_EQ(content_of(files, "/x"), "second");
  files.add_directory("x");
  add_file(files, "x/y", "below");
  files.add_directory("x");
  EXPECT_EQ(content_of(files, "/x/y"), "below") << "a directory twice keeps what is in it";
  add_file(files, "x/y/z", "deeper");
  EXPECT_EQ(content_of(files, "/x/y/z"), "deeper");
  add_file(files, "/", "root");
  files.add_link("", "nowhere");
  EXPECT_EQ(content_of(files, "/x/y/z"), "deeper") << "the root stays";
}

TEST_F(GuestFilesTest, NameTheTopDirectories) {
  add_file(files, "file", "");
  add_file(files, "etc/motd", "");
  files.add_directory("root");
  files.add_link("link", "etc");
  EXPECT_EQ(files.top_directories(), (std::vector<std::string>{"/etc", "/root"}));
}

TEST_F(GuestFilesTest, ListDirectories) {
  add_file(files, "d/file", "");
  files.add_directory("d/dir");
  files.add_link("d/link", "file");
  EXPECT_EQ(make(files, "/d/made"), Errno{});
  const std::map<std::string, int> expected{{"dir", 4}, {"file", 8}, {"link", 10}, {"made", 8}};
  EXPECT_EQ(list(files, "/d", 24), expected);
  EXPECT_EQ(list(files, "/d", 1000), expected);
  EXPECT_EQ(list(files, "/d/dir"), (std::map<std::string, int>{}));
  EXPECT_EQ(list(files, "/d/file"), (std::map<std::string, int>{{"errno 20", 0}}));
}

TEST_F(GuestFilesTest, ListTheLongestName) {
  const std::string name(255, 'n');
  EXPECT_EQ(make(files, "/d/" + name), Errno{});
  EXPECT_EQ(list(files, "/d", 280), (std::map<std::string, int>{{name, 8}}));
  EXPECT_EQ(list(files, "/d", 279), (std::map<std::string, int>{{"errno 22", 0}}));
  EXPECT_EQ(make(files, "/d/" + name + "n"), Errno::nametoolong);
  // The longest path, with its NUL.
  const std::string longest = "/" + std::string(4094, '/');
  EXPECT_EQ(list(files, longest).size(), 1U);
  EXPECT_EQ(list(files, longest + "/"), (std::map<std::string, int>{{"errno 36", 0}}));
}

TEST_F(GuestFilesTest, OpenAsPosixDoes) {
  add_file(files, "image", "content");
  files.add_directory("dir");
  EXPECT_EQ(make(files, "/own", "content"), Errno{});
  const auto error = [&](std::string_view path, std::int32_t flags) {
    const auto descriptor = files.open(path, flags, 0);
    if (!descriptor) return descriptor.error();
    EXPECT_TRUE(files.close(*descriptor));
    return Errno{};
  };
  EXPECT_EQ(error("/image", kOpenCreate), Errno{}) << "it is there, and only to be read";
  EXPECT_EQ(error("/image", kOpenCreate | kOpenExclusive), Errno::exist);
  EXPECT_EQ(error("/image", kOpenReadWrite), Errno::rofs);
  EXPECT_EQ(error("/dir", kOpenDirectory), Errno{});
  EXPECT_EQ(error("/dir", kOpenCreate | kOpenExclusive), Errno::exist);
  EXPECT_EQ(error("/dir", kOpenWriteOnly), Errno::isdir);
  EXPECT_EQ(error("/own", kOpenDirectory), Errno::notdir);
  EXPECT_EQ(error("/own", kOpenCreate | kOpenExclusive), Errno::exist);
  EXPECT_EQ(error("/own", kOpenWriteOnly | kOpenTruncate), Errno{});
  EXPECT_EQ(content_of(files, "/own"), "");
}

TEST_F(GuestFilesTest, AppendAndShareOneFile) {
  EXPECT_EQ(make(files, "/own", "one"), Errno{});
  const auto appending = files.open("/own", kOpenWriteOnly | uhyve::kOpenAppend, 0);
  const auto reading = files.open("/own", kOpenReadOnly, 0);
  ASSERT_TRUE(appending && reading);
  EXPECT_EQ(read_all(files, *reading), "one");
  EXPECT_EQ(put(files, *appending, " two"), 4U);
  EXPECT_EQ(read_all(files, *reading), " two") << "each has its own place";
  EXPECT_EQ(put(files, *reading, "x"), std::unexpected{Errno::badf});
}

TEST_F(GuestFilesTest, ReadIntoSeveralBuffers) {
  add_file(files, "image", "0123456789");
  EXPECT_EQ(make(files, "/own", "0123456789"), Errno{});
  for (const auto* const path : {"/image", "/own"}) {
    const auto descriptor = files.open(path, kOpenReadOnly, 0);
    ASSERT_TRUE(descriptor);
    std::array<char, 3> first{};
    std::array<char, 9> second{};
    const std::array<iovec, 2> buffers{{{first.data(), first.size()}, {second.data(), second.size()}}};
    EXPECT_EQ(files.read(*descriptor, buffers), 10U);
    EXPECT_EQ(std::string_view(first.data(), 3), "012");
    EXPECT_EQ(std::string_view(second.data(), 9), std::string_view("3456789\0\0", 9));
  }
}

TEST_F(GuestFilesTest, OpenAsManyAsThereCanBe) {
  add_file(files, "image", "x");
  for (std::size_t i = 0; i < GuestFiles::kMaxOpenFiles; ++i) {
    ASSERT_EQ(files.open("/image", kOpenReadOnly, 0), GuestFiles::kFirstDescriptor + static_cast<std::int32_t>(i));
  }
  EXPECT_EQ(files.open("/image", kOpenReadOnly, 0), std::unexpected{Errno::mfile});
  EXPECT_EQ(make(files, "/own"), Errno::mfile);
  EXPECT_TRUE(files.close(500));
  EXPECT_TRUE(files.close(400));
  EXPECT_EQ(files.open("/image", kOpenReadOnly, 0), 400) << "the lowest that is free";
  EXPECT_EQ(files.open("/image", kOpenReadOnly, 0), 500);
  EXPECT_EQ(files.open("/image", kOpenReadOnly, 0), std::unexpected{Errno::mfile});
}

TEST_F(GuestFilesTest, HideWhatTheImageBrought) {
  add_file(files, "image", "content");
  const auto descriptor = files.open("/image", kOpenReadOnly, 0);
  ASSERT_TRUE(descriptor);
  EXPECT_TRUE(files.unlink("/image"));
  EXPECT_EQ(content_of(files, "/image"), "errno 2");
  EXPECT_EQ(read_all(files, *descriptor), "content");
  EXPECT_EQ(make(files, "/image", "new"), Errno{});
  EXPECT_EQ(content_of(files, "/image"), "new");
  files.add_link("link", "image");
  EXPECT_TRUE(files.unlink("/link")) << "the link, not what it leads to";
  EXPECT_EQ(content_of(files, "/image"), "new");
  EXPECT_EQ(files.unlink("/"), std::unexpected{Errno::isdir});
}

TEST_F(GuestFilesTest, KeepFilesInAPrivateDirectory) {
  EXPECT_TRUE(directory.is_empty()) << "made when it is needed";
  EXPECT_TRUE(files.mkdir("/dir"));
  EXPECT_TRUE(directory.is_empty());
  EXPECT_EQ(make(files, "/dir/../etc/passwd", "x"), Errno{});
  ASSERT_FALSE(directory.is_empty());
  const auto made = std::filesystem::directory_iterator {
    directory.path()
  } -> path();
  EXPECT_EQ(std::filesystem::status(made).permissions(), std::filesystem::perms::owner_all);
  const auto file = std::filesystem::directory_iterator {
    made
  } -> path();
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(file.filename().string().find("passwd"), std::string::npos) << "the host does not see the guest's names";
}

TEST_F(GuestFilesTest, LeaveNothingBehind) {
  {
    GuestFiles own{directory.path()};
    for (int i = 0; i < 5; ++i) EXPECT_EQ(make(own, "/dir/" + std::to_string(i), "x"), Errno{});
    const auto unlinked = own.open("/dir/5", kOpenCreate | kOpenReadWrite, 0);
    ASSERT_TRUE(unlinked);
    EXPECT_TRUE(own.unlink("/dir/5"));
    const GuestFiles moved{std::move(own)};
    EXPECT_FALSE(directory.is_empty());
  }
  EXPECT_TRUE(directory.is_empty());
}

TEST_F(GuestFilesTest, TellThatThereIsNoTemporaryDirectory) {
  GuestFiles homeless{directory.file("nowhere")};
  EXPECT_EQ(make(homeless, "/x"), Errno::noent);
  EXPECT_TRUE(homeless.mkdir("/dir"));
}

// Refused calls consume neither memory of the monitor nor space in the directory on the host.
TEST_F(GuestFilesTest, MakeOnlySoMany) {
  for (std::size_t i = 0; i < GuestFiles::kMaxGuestNodes - 1; ++i) {
    ASSERT_TRUE(files.mkdir("/" + std::to_string(i)));
  }
  EXPECT_EQ(files.mkdir("/a/b"), std::unexpected{Errno::nospc});
  EXPECT_EQ(make(files, "/a/own"), Errno::nospc);
  EXPECT_EQ(files.stat("/a", true), std::unexpected{Errno::noent}) << "nothing is made of what does not fit";
  EXPECT_TRUE(files.mkdir("/last"));
  EXPECT_EQ(make(files, "/own"), Errno::nospc);
  std::size_t host_files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{directory.path()}) {
    host_files += entry.is_regular_file() ? 1U : 0U;
  }
  EXPECT_EQ(host_files, 0U);
}

// Removing files of the image does not increase the number of files that the guest can create.
TEST_F(GuestFilesTest, CountWhatTheGuestMakes) {
  constexpr std::size_t kImageFiles = 100;
  for (std::size_t i = 0; i < kImageFiles; ++i) add_file(files, "/image/" + std::to_string(i), "");
  for (std::size_t i = 0; i < GuestFiles::kMaxGuestNodes; ++i) ASSERT_TRUE(files.mkdir("/" + std::to_string(i)));
  for (std::size_t i = 0; i < kImageFiles; ++i) ASSERT_TRUE(files.unlink("/image/" + std::to_string(i)));
  EXPECT_EQ(files.mkdir("/more"), std::unexpected{Errno::nospc});
}

TEST_F(GuestFilesTest, LeaveNoDirectoriesForAFileThatCannotBeMade) {
  GuestFiles homeless{directory.file("nowhere")};
  EXPECT_EQ(make(homeless, "/a/b/c"), Errno::noent);
  EXPECT_EQ(homeless.stat("/a", true), std::unexpected{Errno::noent});
}

TEST_F(GuestFilesTest, MakeAgainWhatWasUnlinked) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(make(files, "/own", std::to_string(i)), Errno{});
    EXPECT_EQ(content_of(files, "/own"), std::to_string(i));
    EXPECT_TRUE(files.unlink("/own"));
  }
}

// The deepest possible tree is destroyed without a deep stack.
TEST_F(GuestFilesTest, NestDeeply) {
  std::string deep;
  while (deep.size() + 2 < GuestFiles::kMaxPath) deep += "/d";
  std::string target = deep;
  for (int i = 0; i < 8; ++i) {
    const auto link = "/l" + std::to_string(i);
    files.add_link(link, target);
    // Until the tree is deeper than the longest path.
    if (!files.mkdir(link + "/d" + deep.substr(0, deep.size() - 8))) break;
    target = link + deep.substr(0, deep.size() - 8);
  }
  EXPECT_TRUE(files.stat(deep, true));
}

TEST_F(GuestFilesTest, TellOfWhatIsOpenAndUnlinked) {
  const auto descriptor = files.open("/own", kOpenCreate | kOpenReadWrite, 0);
  ASSERT_TRUE(descriptor);
  EXPECT_EQ(put(files, *descriptor, "abc"), 3U);
  EXPECT_TRUE(files.unlink("/own"));
  const auto attributes = files.fstat(*descriptor);
  ASSERT_TRUE(attributes);
  EXPECT_EQ(attributes->st_size, 3);
  EXPECT_EQ(attributes->st_nlink, 0U);
  EXPECT_EQ(attributes->st_mode, S_IFREG | 0644U);
  EXPECT_GT(attributes->st_mtim.tv_sec, 0);
}

TEST_F(GuestFilesTest, ServeSeveralProcessors) {
  add_file(files, "image", std::string(1000, 'x'));
  std::vector<std::thread> processors;
  for (int number = 0; number < 4; ++number) {
    processors.emplace_back([this, number] {
      for (int i = 0; i < 200; ++i) {
        const auto path = "/dir/" + std::to_string((number + i) % 3);
        std::ignore = make(files, path, "");
        EXPECT_EQ(content_of(files, "/image").size(), 1000U);
        std::ignore = files.stat(path, true);
        std::ignore = files.unlink(path);
      }
    });
  }
  for (auto& processor : processors) processor.join();
}

}  // namespace
}  // namespace hermitage::vmm
