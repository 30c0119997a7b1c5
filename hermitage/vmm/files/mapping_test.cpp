// Files and directories of the host in the guest's file tree. The file is long, because it tests each call on each kind
// of mapping.
#include "hermitage/vmm/files/mapping.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/files/guest_files_testing.hpp"
#include "hermitage/vmm/files/private_directory.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace fs = std::filesystem;
namespace uhyve = entry::uhyve;
using testing::content_of;
using testing::Entry;
using testing::error_of;
using testing::list;
using testing::put;
using testing::write_to;
using uhyve::kOpenAppend;
using uhyve::kOpenCreate;
using uhyve::kOpenDirectory;
using uhyve::kOpenExclusive;
using uhyve::kOpenReadOnly;
using uhyve::kOpenReadWrite;
using uhyve::kOpenTruncate;
using uhyve::kOpenWriteOnly;

template <class T>
auto outcome_of(const FileResult<T>& result) -> std::string {
  return result ? "done" : error_of(result.error());
}

// "done", or the error of opening or writing.
auto write(GuestFiles& files, std::string_view path, const std::string& content,
           std::int32_t flags = kOpenWriteOnly | kOpenCreate) -> std::string {
  return outcome_of(write_to(files, path, content, flags));
}

class MappingTest : public ::testing::Test {
 protected:
  MappingTest() {
    fs::create_directories(host("dir/sub/deep"));
    directory.write("dir/file", "in the directory");
    directory.write("dir/sub/inner", "further in");
    directory.write("outside", "secret");
    fs::create_directory(host("elsewhere"));
    directory.write("elsewhere/file", "secret, too");
    fs::create_directory(host("tmp"));
  }

  [[nodiscard]] auto host(const std::string& name) const -> std::string { return directory.path() + "/" + name; }
  [[nodiscard]] auto text_of(const std::string& name) const -> std::string {
    std::ifstream file{host(name)};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  void map(std::vector<FileMapping> mappings) {
    for (auto& mapping : mappings) mapping.host = host(mapping.host);
    const auto added = files.add_mappings(std::move(mappings));
    ASSERT_TRUE(added) << added.error().message();
  }
  auto complaint(std::vector<FileMapping> mappings) -> std::string {
    const auto added = files.add_mappings(std::move(mappings));
    return added ? "none" : added.error().message();
  }

  hermitage::testing::TemporaryDirectory directory;
  GuestFiles files{GuestFileOptions{.temporary_parent = host("tmp"), .temporary_limit = 10000}};
};

TEST_F(MappingTest, ShowsFilesAndDirectories) {
  map({{"dir", "/data"}, {"outside", "etc/one"}});
  EXPECT_EQ(content_of(files, "/data/file"), "in the directory");
  EXPECT_EQ(content_of(files, "data//sub/./inner"), "further in");
  EXPECT_EQ(content_of(files, "/data/sub/../file"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/sub/deep/../../file"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/../etc/one"), "secret");
  EXPECT_EQ(content_of(files, "/data/file/.."), "errno 20");
  EXPECT_EQ(content_of(files, "/data/file/x"), "errno 20");
  EXPECT_EQ(content_of(files, "/data/none"), "errno 2");
  EXPECT_EQ(content_of(files, "/data/none/.."), "errno 2");
  EXPECT_EQ(content_of(files, "/data"), "errno 21") << "opened, but not read";
  EXPECT_EQ(files.top_directories(), (std::vector<std::string>{"/data", "/etc"}));
}

TEST_F(MappingTest, LetsTheGuestWrite) {
  map({{"dir", "/data"}, {"outside", "/one"}});
  EXPECT_EQ(write(files, "/data/new", "made"), "done");
  EXPECT_EQ(text_of("dir/new"), "made");
  EXPECT_EQ(fs::status(host("dir/new")).permissions() & fs::perms::others_all, fs::perms::none) << "mode 0640";
  EXPECT_EQ(write(files, "/data/new", "x", kOpenWriteOnly | kOpenCreate | kOpenExclusive), "errno 17");
  EXPECT_EQ(write(files, "/data/new", "more", kOpenWriteOnly | kOpenAppend), "done");
  EXPECT_EQ(text_of("dir/new"), "mademore");
  EXPECT_EQ(write(files, "/data/new", "short", kOpenReadWrite | kOpenTruncate), "done");
  EXPECT_EQ(text_of("dir/new"), "short");
  EXPECT_EQ(write(files, "/one", "mapped", kOpenWriteOnly | kOpenCreate | kOpenTruncate), "done");
  EXPECT_EQ(text_of("outside"), "mapped");
  EXPECT_EQ(write(files, "/data/sub", "x"), "errno 21");
  EXPECT_EQ(write(files, "/data/none/new", "x"), "errno 2") << "whoever wants a directory there makes it";

  EXPECT_EQ(outcome_of(files.mkdir("/data/made")), "done");
  EXPECT_EQ(outcome_of(files.mkdir("/data/made")), "errno 17");
  EXPECT_EQ(outcome_of(files.mkdir("/data/none/made")), "errno 2");
  EXPECT_TRUE(fs::is_directory(host("dir/made")));
  EXPECT_EQ(write(files, "/data/made/new", "deep"), "done");
  EXPECT_EQ(text_of("dir/made/new"), "deep");

  EXPECT_EQ(outcome_of(files.unlink("/data/made/new")), "done");
  EXPECT_FALSE(fs::exists(host("dir/made/new")));
  EXPECT_EQ(outcome_of(files.unlink("/data/made/new")), "errno 2");
  EXPECT_EQ(outcome_of(files.unlink("/data/made")), "errno 21");
  EXPECT_EQ(outcome_of(files.unlink("/data")), "errno 21");
}

TEST_F(MappingTest, MakesAMappedFileThatIsNotThere) {
  map({{"dir/new", "/etc/new"}});
  const auto flags = kOpenReadWrite | kOpenCreate | kOpenExclusive;
  for (int i = 0; i < 2; ++i) {  // it can be created again
    EXPECT_EQ(content_of(files, "/etc/new"), "errno 2");
    EXPECT_EQ(outcome_of(files.open("/etc/new", kOpenDirectory, 0)), "errno 2");
    EXPECT_EQ(outcome_of(files.stat("/etc/new", true)), "errno 2");
    EXPECT_EQ(outcome_of(files.unlink("/etc/new")), "errno 2");
    EXPECT_EQ(outcome_of(files.mkdir("/etc/new")), "errno 13") << "it is to be a file";
    EXPECT_TRUE(list(files, "/etc").empty());
    EXPECT_FALSE(fs::exists(host("dir/new")));

    const auto descriptor = files.open("/etc/new", flags, 0640);
    ASSERT_TRUE(descriptor);
    EXPECT_EQ(put(files, *descriptor, "made"), 4U);
    EXPECT_EQ(text_of("dir/new"), "made");
    EXPECT_EQ(fs::status(host("dir/new")).permissions() & fs::perms::others_all, fs::perms::none) << "mode 0640";
    EXPECT_EQ(outcome_of(files.open("/etc/new", flags, 0)), "errno 17");
    EXPECT_EQ(content_of(files, "/etc/new", kOpenReadOnly | kOpenCreate), "made");
    EXPECT_EQ(outcome_of(files.open("/etc/new", kOpenDirectory, 0)), "errno 20");
    EXPECT_EQ(outcome_of(files.mkdir("/etc/new")), "errno 17");
    EXPECT_EQ(files.stat("/etc/new", true)->st_size, 4);
    EXPECT_EQ(list(files, "/etc"), (std::map<std::string, int>{{"new", 8}}));

    EXPECT_EQ(outcome_of(files.unlink("/etc/new")), "done");
    EXPECT_EQ(put(files, *descriptor, "more"), 4U) << "what is open goes on";
    EXPECT_EQ(files.fstat(*descriptor)->st_size, 8);
    EXPECT_TRUE(files.close(*descriptor));
  }
}

TEST_F(MappingTest, TakesAFileThatTheHostMakesMeanwhile) {
  map({{"dir/new", "/new"}, {"dir/pipe", "/pipe"}, {"dir/link", "/link"}});
  directory.write("dir/new", "of the host");
  EXPECT_EQ(content_of(files, "/new"), "of the host");
  EXPECT_EQ(write(files, "/new", "x", kOpenWriteOnly | kOpenCreate | kOpenExclusive), "errno 17");
  ASSERT_EQ(::mkfifo(host("dir/pipe").c_str(), 0600), 0);
  fs::create_symlink("../outside", host("dir/link"));
  for (const auto* const path : {"/pipe", "/link"}) {
    EXPECT_EQ(write(files, path, "x"), "errno 13");
    EXPECT_EQ(outcome_of(files.unlink(path)), "errno 13");
  }
  EXPECT_EQ(text_of("outside"), "secret");
}

TEST_F(MappingTest, MakesNothingThatIsReadOnly) {
  map({{"dir/new", "/new", true}});
  EXPECT_EQ(content_of(files, "/new"), "errno 2");
  EXPECT_EQ(write(files, "/new", "x"), "errno 30");
  EXPECT_EQ(outcome_of(files.unlink("/new")), "errno 2");
  EXPECT_TRUE(list(files, "/").empty());
  EXPECT_FALSE(fs::exists(host("dir/new")));
}

TEST_F(MappingTest, RemovesAMappedFileFromTheHost) {
  map({{"outside", "/one"}});
  const auto descriptor = files.open("/one", kOpenReadWrite, 0).value();
  EXPECT_EQ(outcome_of(files.unlink("/one")), "done");
  EXPECT_FALSE(fs::exists(host("outside")));
  EXPECT_EQ(testing::read_all(files, descriptor), "secret");
  EXPECT_EQ(content_of(files, "/one"), "errno 2");
  EXPECT_EQ(outcome_of(files.unlink("/one")), "errno 2");
  EXPECT_EQ(write(files, "/one", "x", kOpenWriteOnly), "errno 2");
  EXPECT_EQ(write(files, "/one", "anew"), "done");
  EXPECT_EQ(text_of("outside"), "anew");
}

// The mapping refers to the initial file, even if a process on the host renames files.
TEST_F(MappingTest, KnowsAMappedFileByItsDescriptor) {
  map({{"dir/file", "/one"}});
  const auto open_before = files.open("/one", kOpenReadWrite, 0).value();
  fs::rename(host("outside"), host("dir/file"));
  for (const auto flags : {kOpenReadOnly, kOpenWriteOnly, kOpenWriteOnly | kOpenTruncate, kOpenReadOnly | kOpenTruncate,
                           kOpenWriteOnly | kOpenCreate}) {
    EXPECT_EQ(outcome_of(files.open("/one", flags, 0)), "errno 116") << flags;
  }
  EXPECT_EQ(outcome_of(files.stat("/one", true)), "errno 116");
  EXPECT_EQ(outcome_of(files.unlink("/one")), "errno 116");
  EXPECT_EQ(text_of("dir/file"), "secret") << "neither truncated nor removed";
  EXPECT_EQ(testing::read_all(files, open_before), "in the directory");
}

TEST_F(MappingTest, TruncatesAMappedFile) {
  for (const auto flags : {kOpenReadOnly, kOpenWriteOnly, kOpenReadWrite}) {
    GuestFiles own{host("tmp")};
    directory.write("dir/file", "content");
    ASSERT_TRUE(own.add_mappings({{host("dir/file"), "/one"}}));
    const auto descriptor = own.open("/one", flags | kOpenTruncate, 0);
    ASSERT_TRUE(descriptor) << flags;
    EXPECT_EQ(text_of("dir/file"), "");
    EXPECT_EQ(outcome_of(put(own, *descriptor, "x")), flags == kOpenReadOnly ? "errno 9" : "done");
  }
}

TEST_F(MappingTest, IsReadOnlyWhereItSaysSo) {
  map({{"dir", "/data", true}, {"outside", "/one", true}});
  EXPECT_EQ(content_of(files, "/data/file"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/file", kOpenReadOnly | kOpenCreate), "in the directory");
  for (const auto flags : {kOpenWriteOnly, kOpenReadWrite, kOpenReadOnly | kOpenTruncate}) {
    EXPECT_EQ(write(files, "/data/file", "x", flags), "errno 30") << flags;
    EXPECT_EQ(write(files, "/one", "x", flags), "errno 30") << flags;
  }
  EXPECT_EQ(write(files, "/data/new", "x"), "errno 30");
  EXPECT_EQ(write(files, "/data/new", "x", kOpenReadOnly | kOpenCreate), "errno 30");
  EXPECT_EQ(outcome_of(files.mkdir("/data/new")), "errno 30");
  EXPECT_EQ(outcome_of(files.unlink("/data/file")), "errno 30");
  EXPECT_EQ(outcome_of(files.unlink("/one")), "errno 30");
  EXPECT_EQ(text_of("outside"), "secret");
  EXPECT_EQ(text_of("dir/file"), "in the directory");
}

TEST_F(MappingTest, NestsInAnyOrder) {
  directory.write("elsewhere/inner", "of the nested");
  map({{"elsewhere", "/data/sub/deep"}, {"outside", "/data/void/one"}, {"dir", "/data"}, {"tmp", "/data/tmp"}});
  EXPECT_EQ(content_of(files, "/data/file"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/sub/inner"), "further in");
  EXPECT_EQ(content_of(files, "/data/sub/deep/inner"), "of the nested");
  EXPECT_EQ(content_of(files, "/data/sub/deep/../inner"), "further in");
  EXPECT_EQ(content_of(files, "/data/sub/deep/../../file"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/void/one"), "secret") << "in a directory that the host does not have";
  EXPECT_EQ(list(files, "/data", 1024), (std::map<std::string, int>{{"file", 8}, {"sub", 4}, {"tmp", 4}, {"void", 4}}));
  EXPECT_EQ(list(files, "/data/sub"), (std::map<std::string, int>{{"deep", 4}, {"inner", 8}}));
  EXPECT_EQ(list(files, "/data/void", 24), (std::map<std::string, int>{{"one", 8}}));
  EXPECT_EQ(list(files, "/data/sub/deep"), (std::map<std::string, int>{{"file", 8}, {"inner", 8}}));
  EXPECT_EQ(write(files, "/data/sub/new", "of the outer"), "done");
  EXPECT_EQ(text_of("dir/sub/new"), "of the outer");
  EXPECT_EQ(outcome_of(files.mkdir("/data/void")), "errno 17");
}

TEST_F(MappingTest, CanBeTheRoot) {
  files.add_file("of_image", nullptr, 0, 0644);
  fs::create_symlink("/sub/inner", host("dir/link"));
  fs::create_symlink("../../outside", host("dir/out"));
  map({{"dir", "/"}, {"elsewhere", "/sub/deep", true}, {"outside", "/void/one"}});
  EXPECT_EQ(content_of(files, "file"), "in the directory");
  EXPECT_EQ(content_of(files, "/../link"), "further in");
  EXPECT_EQ(content_of(files, "/sub/../sub/../file"), "in the directory");
  EXPECT_EQ(content_of(files, "/out"), "errno 2") << ".. ends at the root";
  EXPECT_EQ(content_of(files, "/of_image"), "errno 2");
  EXPECT_EQ(content_of(files, "/sub/deep/file"), "secret, too");
  EXPECT_EQ(content_of(files, "/sub/deep/../inner"), "further in");
  EXPECT_EQ(content_of(files, "/void/../void/one"), "secret");
  EXPECT_EQ(list(files, "/", 1024),
            (std::map<std::string, int>{{"file", 8}, {"link", 10}, {"out", 10}, {"sub", 4}, {"void", 4}}));
  EXPECT_EQ(write(files, "/new", "made"), "done");
  EXPECT_EQ(text_of("dir/new"), "made");
  EXPECT_EQ(write(files, "/sub/deep/new", "made"), "errno 30");
  EXPECT_EQ(outcome_of(files.mkdir("/made")), "done");
  EXPECT_TRUE(fs::is_directory(host("dir/made")));
}

TEST_F(MappingTest, CanBeAReadOnlyRoot) {
  map({{"dir", "/", true}, {"elsewhere", "/data"}});
  EXPECT_EQ(content_of(files, "/file"), "in the directory");
  EXPECT_EQ(write(files, "/new", "made"), "errno 30");
  EXPECT_EQ(outcome_of(files.mkdir("/made")), "errno 30");
  EXPECT_EQ(write(files, "/data/new", "made"), "done");
}

TEST_F(MappingTest, NamesTheDirectoriesOfTheRoot) {
  for (const auto* const name : {"dir/dev", "dir/proc", "dir/sys", "dir/tmp"}) fs::create_directory(host(name));
  fs::create_directory_symlink("sub", host("dir/link"));
  fs::create_directory_symlink("..", host("dir/up"));
  fs::create_symlink("file", host("dir/no_directory"));
  map({{"dir", "/"}, {"elsewhere", "/data"}, {"outside", "/one"}, {"elsewhere", "/tmp"}});
  EXPECT_EQ(files.top_directories(), (std::vector<std::string>{"/data", "/link", "/sub", "/tmp", "/up"}));
}

TEST_F(MappingTest, HidesWhatTheImageHasThere) {
  files.add_file("data/of_image", nullptr, 0, 0644);
  files.add_file("data/file", nullptr, 0, 0644);
  files.add_file("etc/beside", nullptr, 0, 0644);
  map({{"dir", "/data"}, {"outside", "/etc/one"}});
  EXPECT_EQ(content_of(files, "/data/of_image"), "errno 2");
  EXPECT_EQ(content_of(files, "/data/file"), "in the directory");
  EXPECT_EQ(content_of(files, "/etc/beside"), "");
  EXPECT_EQ(content_of(files, "/etc/one"), "secret");
}

TEST_F(MappingTest, FollowsLinksWithinTheGuestsTree) {
  const auto link = [&](const std::string& target, const std::string& name) {
    fs::create_symlink(target, host("dir/" + name));
  };
  link("file", "same");
  link("sub/../sub/inner", "relative");
  link("../data/file", "around");
  link("/data/file", "absolute");
  link("/etc/one", "other");
  link("sub", "to_sub");
  link("dangling_target", "dangling");
  map({{"dir", "/data"}, {"outside", "/etc/one"}});
  EXPECT_EQ(content_of(files, "/data/same"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/relative"), "further in");
  EXPECT_EQ(content_of(files, "/data/around"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/absolute"), "in the directory") << "absolute ones begin at the guest's root";
  EXPECT_EQ(content_of(files, "/data/other"), "secret") << "which is mapped there";
  EXPECT_EQ(content_of(files, "/data/to_sub/inner"), "further in");
  EXPECT_EQ(content_of(files, "/data/to_sub/../file"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/dangling"), "errno 2");
  EXPECT_EQ(write(files, "/data/dangling", "x", kOpenWriteOnly | kOpenCreate | kOpenExclusive), "errno 17");
  EXPECT_EQ(write(files, "/data/dangling", "x"), "done");
  EXPECT_EQ(text_of("dir/dangling_target"), "x");

  EXPECT_EQ(files.stat("/data/same", true)->st_mode & S_IFMT, static_cast<unsigned>(S_IFREG));
  EXPECT_EQ(files.stat("/data/same", false)->st_mode & S_IFMT, static_cast<unsigned>(S_IFLNK));
  EXPECT_EQ(files.stat("/data/to_sub", true)->st_mode & S_IFMT, static_cast<unsigned>(S_IFDIR));
  EXPECT_EQ(outcome_of(files.mkdir("/data/dangling2")), "done");
  EXPECT_EQ(outcome_of(files.unlink("/data/same")), "done");
  EXPECT_EQ(text_of("dir/file"), "in the directory") << "the link went, not what it leads to";

  link("file", "l1");
  for (int i = 2; i <= 41; ++i) link("l" + std::to_string(i - 1), "l" + std::to_string(i));
  EXPECT_EQ(content_of(files, "/data/l40"), "in the directory");
  EXPECT_EQ(content_of(files, "/data/l41"), "errno 40");
  link("self", "self");
  EXPECT_EQ(content_of(files, "/data/self"), "errno 40");
}

TEST_F(MappingTest, LeadsNowhereElse) {
  const auto link = [&](const std::string& target, const std::string& name) {
    fs::create_symlink(target, host("dir/" + name));
  };
  link("../outside", "up");
  link(host("outside"), "absolute");
  link("/proc/self/root" + host("outside"), "magic");
  link("/proc/self/cwd", "cwd");
  link("..", "parent");
  link("../elsewhere", "directory");
  map({{"dir", "/data"}, {"dir/sub", "/sub"}});
  const std::vector<std::string> paths{"/data/up",
                                       "/data/absolute",
                                       "/data/magic",
                                       "/data/cwd/x",
                                       "/data/parent/outside",
                                       "/data/directory/file",
                                       "/data/../outside",
                                       "/data/../../outside",
                                       "/sub/../outside",
                                       "/data/../../../../.." + host("outside"),
                                       "/data/sub/../../../outside",
                                       "/proc/self/root/etc/passwd",
                                       "/etc/passwd",
                                       "../../../../../../etc/passwd"};
  for (const auto& path : paths) {
    EXPECT_EQ(content_of(files, path), "errno 2") << path;
  }
  EXPECT_EQ(outcome_of(files.unlink("/data/up")), "done") << "the link";
  EXPECT_EQ(write(files, "/data/absolute", "mine"), "done") << "in the guest's own tree";
  EXPECT_EQ(text_of("outside"), "secret");
  EXPECT_EQ(outcome_of(files.mkdir("/data/directory/new")), "done") << "the same";
  EXPECT_FALSE(fs::exists(host("elsewhere/new")));
}

// A hard link in a mapped directory maps its file: the file system has no difference between them.
TEST_F(MappingTest, ShowsHardLinks) {
  fs::create_hard_link(host("outside"), host("dir/hard"));
  map({{"dir", "/data"}});
  EXPECT_EQ(content_of(files, "/data/hard"), "secret");
  EXPECT_EQ(files.stat("/data/hard", true)->st_nlink, 2U);
}

TEST_F(MappingTest, IsNotLedAstrayByAHostThatRenames) {
  map({{"dir", "/data"}});
  std::atomic<bool> is_done = false;
  // "sub" is sometimes a directory, and sometimes a link to the outside.
  fs::create_directory_symlink(host("elsewhere"), host("dir/away"));
  directory.write("dir/sub/file", "further in");
  std::jthread host_thread{[&] {
    while (!is_done) {
      ::renameat2(AT_FDCWD, host("dir/sub").c_str(), AT_FDCWD, host("dir/away").c_str(), RENAME_EXCHANGE);
    }
  }};
  std::map<std::string, int> seen;
  for (int i = 0; i < 20000; ++i) ++seen[content_of(files, "/data/sub/file")];
  for (int i = 0; i < 5000; ++i) ++seen[content_of(files, "/data/sub/deep/../file")];
  for (int i = 0; i < 5000; ++i) {
    ++seen[write(files, "/data/sub/made", "x")];
    ++seen[outcome_of(files.unlink("/data/sub/made"))];
  }
  is_done = true;
  host_thread.join();
  EXPECT_GT(seen["further in"], 0);
  EXPECT_GT(seen["errno 2"], 0) << "the link was seen, and led to the guest's own tree";
  for (const auto& [what, count] : seen) {
    EXPECT_TRUE(what == "further in" || what == "errno 2" || what == "done" || what == "errno 20") << what;
  }
  EXPECT_EQ(text_of("elsewhere/file"), "secret, too");
  EXPECT_FALSE(fs::exists(host("elsewhere/made")));
}

// procfs contains the memory of the monitor.
TEST_F(MappingTest, OpensNothingOfProcfs) {
  if (!std::filesystem::exists("/proc/self/maps")) GTEST_SKIP() << "no procfs";
  GuestFiles guest{directory.path()};
  ASSERT_TRUE(guest.add_mappings({{.host = "/proc", .guest = "/p", .is_read_only = true}}));
  for (const auto* const path : {"/p/self/mem", "/p/self/maps", "/p/version"}) {
    const auto opened = guest.open(path, 0, 0);
    EXPECT_TRUE(opened == fails(Errno::acces) || opened == fails(Errno::loop) || opened == fails(Errno::noent)) << path;
  }
  EXPECT_EQ(guest.open("/p/version", 0, 0), fails(Errno::acces));
}

TEST_F(MappingTest, LiesBelowNoFile) {
  GuestFiles guest{directory.path()};
  const auto file = directory.write("file", "");
  const auto added = guest.add_mappings({{.host = directory.path(), .guest = "/x/y", .is_read_only = true},
                                         {.host = file, .guest = "/x", .is_read_only = true}});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::configuration);
  EXPECT_NE(added.error().message().find("'/x/y' is below '/x'"), std::string::npos) << added.error().message();
}

TEST_F(MappingTest, WaitsForNoPipe) {
  ASSERT_EQ(::mkfifo(host("dir/pipe").c_str(), 0600), 0);
  const Descriptor socket{::socket(AF_UNIX, SOCK_STREAM, 0)};
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const auto path = host("dir/socket");
  ASSERT_LT(path.size(), sizeof address.sun_path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  map({{"dir", "/data"}});
  for (const auto* const name : {"/data/pipe", "/data/socket"}) {
    for (const auto flags : {kOpenReadOnly, kOpenWriteOnly, kOpenReadWrite, kOpenWriteOnly | kOpenCreate}) {
      EXPECT_EQ(write(files, name, "x", flags), "errno 13") << name << " " << flags;
    }
  }
  EXPECT_EQ(list(files, "/data", 1024),
            (std::map<std::string, int>{{"file", 8}, {"pipe", 1}, {"socket", 12}, {"sub", 4}}));
  EXPECT_EQ(outcome_of(files.unlink("/data/pipe")), "done");
  EXPECT_FALSE(open_file_beneath(AT_FDCWD, "/dev/null", O_RDONLY, 0)) << "which is not below";
}

// A process with a lease on a file can delay others for lease-break-time, 45 seconds.
TEST_F(MappingTest, WaitsForNoLease) {
  const Descriptor holder{::open(host("dir/file").c_str(), O_RDWR | O_CLOEXEC)};
  const auto usual = std::signal(SIGIO, SIG_IGN);  // the signal that notifies the holder of the request
  if (::fcntl(holder.get(), F_SETLEASE, F_WRLCK) != 0) GTEST_SKIP() << "no leases: " << std::strerror(errno);
  map({{"dir", "/data"}, {"dir/file", "/one"}});
  for (const auto* const path : {"/data/file", "/one"}) EXPECT_EQ(content_of(files, path), "errno 11");
  EXPECT_EQ(::fcntl(holder.get(), F_SETLEASE, F_UNLCK), 0);
  std::signal(SIGIO, usual);
  for (const auto* const path : {"/data/file", "/one"}) EXPECT_EQ(content_of(files, path), "in the directory");
}

TEST_F(MappingTest, HidesPrivateDirectories) {
  auto other = PrivateDirectory::make(host("dir")).value();
  const std::string name = other.name();
  directory.write("dir/" + name + "/1", "of another guest");
  const std::string upper = "HERMITAGE-0123456789ABCDEF";  // the same name if the host ignores case
  directory.write("dir/" + upper, "no directory");
  fs::create_symlink(name, host("dir/link"));
  fs::create_symlink(name + "/1", host("dir/sub/file_link"));
  map({{"", "/all"}, {"dir", "/data"}, {"dir/sub", "/data/" + name + "/mine"}});

  for (const auto& path : {"/data/" + name + "/1", "/all/dir/" + name + "/1", "/data/sub/../" + name + "/1",
                           "/data/" + name + "/mine/../1", std::string{"/data/link/1"},
                           std::string{"/data/sub/file_link"}, "/data/" + upper, "/data/" + name + "/../" + upper}) {
    EXPECT_EQ(content_of(files, path), "errno 2") << path;
    EXPECT_EQ(outcome_of(files.stat(path, true)), "errno 2") << path;
  }
  EXPECT_EQ(outcome_of(files.unlink("/all/dir/" + name + "/1")), "errno 2");
  EXPECT_EQ(outcome_of(files.unlink("/all/dir/" + upper)), "errno 2");
  EXPECT_EQ(text_of("dir/" + name + "/1"), "of another guest");
  EXPECT_EQ(write(files, "/all/dir/" + name, "x"), "errno 13");
  EXPECT_EQ(write(files, "/all/dir/" + upper, "x"), "errno 13");
  EXPECT_EQ(write(files, "/all/dir/" + name + "/x", "x"), "errno 2");
  EXPECT_EQ(outcome_of(files.mkdir("/all/dir/hermitage-0000000000000000")), "errno 13");
  EXPECT_EQ(outcome_of(files.mkdir("/all/dir/hermitage-0000000000000000/x")), "errno 2");
  EXPECT_FALSE(fs::exists(host("dir/hermitage-0000000000000000")));

  EXPECT_EQ(list(files, "/all/dir", 1024), (std::map<std::string, int>{{"file", 8}, {"link", 10}, {"sub", 4}}));
  // A mapping is below the name. Its parent directory is in the tree, not on the host.
  EXPECT_EQ(list(files, "/data/" + name), (std::map<std::string, int>{{"mine", 4}}));
  EXPECT_EQ(content_of(files, "/data/" + name + "/mine/inner"), "further in");
  // Also its own.
  EXPECT_EQ(write(files, "/own", "x"), "done");
  EXPECT_TRUE(list(files, "/all/tmp").empty());
}

TEST_F(MappingTest, RefusesPrivateDirectories) {
  const auto other = PrivateDirectory::make(host("dir")).value();
  directory.write("dir/" + other.name() + "/1", "");
  fs::create_symlink(other.name(), host("dir/link"));
  for (const auto& path :
       {"dir/" + other.name(), "dir/" + other.name() + "/1", std::string{"dir/link"}, std::string{"dir/link/1"}}) {
    EXPECT_EQ(complaint({{host(path), "/data"}}),
              "'" + host(path) + "': is in the private directory of a monitor, which cannot be mapped");
  }
}

TEST_F(MappingTest, KnowsNoNamesWithANul) {
  map({{"dir", "/data"}});
  for (const std::string_view path : {std::string_view{"/data/file\0x", 12}, std::string_view{"/own\0/x", 7}}) {
    EXPECT_EQ(content_of(files, path), "errno 22");
    EXPECT_EQ(write(files, path, "x"), "errno 22");
    EXPECT_EQ(outcome_of(files.mkdir(path)), "errno 22");
    EXPECT_EQ(outcome_of(files.unlink(path)), "errno 22");
  }
}

TEST_F(MappingTest, KnowsNamesUpToTheirLimits) {
  map({{"dir", "/data"}});
  const std::string longest(255, 'n');
  EXPECT_EQ(write(files, "/data/" + longest, "x"), "done");
  EXPECT_EQ(list(files, "/data/sub", 32).size(), 2U);
  EXPECT_EQ(list(files, "/data", 280).count(longest), 1U);
  EXPECT_EQ(list(files, "/data", 24).begin()->first, "errno 22") << "no room for it";
  EXPECT_EQ(write(files, "/data/" + longest + "n", "x"), "errno 36");
  std::string path = "/data/file";
  path.insert(5, GuestFiles::kMaxPath - 1 - path.size(), '/');
  EXPECT_EQ(content_of(files, path), "in the directory");
  EXPECT_EQ(content_of(files, "/" + path), "errno 36");
  std::string deep = "/data";
  while (deep.size() < 4000) deep += "/sub/..";
  EXPECT_EQ(content_of(files, deep + "/file"), "in the directory");
}

TEST_F(MappingTest, ListsWhileFilesAreRemoved) {
  map({{"dir", "/data"}});
  const std::string of_guest = "/own";
  for (const auto& path : {std::string{"/data/sub/deep"}, of_guest}) {
    std::set<std::string> names;
    for (int i = 0; i < 500; ++i) names.insert(std::to_string(i));
    for (const auto& name : names) ASSERT_EQ(write(files, path + "/" + name, ""), "done");
    const auto listed = list(files, path, 200, [&](const std::vector<Entry>& entries) {
      for (const auto& entry : entries) EXPECT_EQ(outcome_of(files.unlink(path + "/" + entry.name)), "done");
    });
    EXPECT_EQ(listed.size(), names.size()) << path;
    EXPECT_TRUE(list(files, path).empty()) << path;
  }
}

TEST_F(MappingTest, ListsAgainFromTheBeginning) {
  map({{"dir", "/data"}});
  ASSERT_EQ(write(files, "/own/file", ""), "done");
  for (const auto* const path : {"/data", "/own"}) {
    const auto descriptor = files.open(path, kOpenDirectory, 0).value();
    std::array<std::byte, 1024> buffer{};
    const auto first = files.getdents(descriptor, buffer);
    EXPECT_GT(first.value(), 0U);
    EXPECT_EQ(files.getdents(descriptor, buffer), 0U);
    EXPECT_EQ(files.lseek(descriptor, 0, uhyve::kSeekSet), 0);
    EXPECT_EQ(files.getdents(descriptor, buffer), first);
    EXPECT_EQ(outcome_of(files.lseek(descriptor, 1, uhyve::kSeekSet)), "errno 22");
    EXPECT_EQ(outcome_of(files.lseek(descriptor, 0, uhyve::kSeekEnd)), "errno 22");
    EXPECT_EQ(outcome_of(put(files, descriptor, "x")), "errno 9");
    EXPECT_TRUE(files.close(descriptor));
  }
  const auto file = files.open("/data/file", kOpenReadOnly, 0).value();
  std::array<std::byte, 64> buffer{};
  EXPECT_EQ(outcome_of(files.getdents(file, buffer)), "errno 20");
}

TEST_F(MappingTest, TellsOfFilesWhatTheGuestMayKnow) {
  map({{"dir", "/data"}, {"outside", "/one"}});
  fs::permissions(host("dir/file"), static_cast<fs::perms>(04751));
  const auto attributes = files.stat("/data/file", true).value();
  EXPECT_EQ(attributes.st_mode, S_IFREG | 0751U);
  EXPECT_EQ(attributes.st_size, 16);
  EXPECT_EQ(attributes.st_uid, 0U);
  EXPECT_EQ(attributes.st_dev, 0U);
  struct stat status{};
  ASSERT_EQ(::stat(host("dir/file").c_str(), &status), 0);
  EXPECT_EQ(attributes.st_ino, status.st_ino);
  EXPECT_EQ(attributes.st_mtim.tv_sec, status.st_mtim.tv_sec);
  const auto descriptor = files.open("/data/file", kOpenReadOnly, 0).value();
  EXPECT_EQ(files.fstat(descriptor)->st_ino, status.st_ino);
  EXPECT_EQ(files.stat("/one", false)->st_size, 6);
  EXPECT_EQ(files.stat("/data", true)->st_mode & S_IFMT, static_cast<unsigned>(S_IFDIR));
  EXPECT_EQ(files.stat("/", true)->st_mode & S_IFMT, static_cast<unsigned>(S_IFDIR));
  EXPECT_EQ(outcome_of(files.stat("/data/none", true)), "errno 2");
}

TEST_F(MappingTest, OpensOnlySoMany) {
  map({{"dir", "/data"}});
  std::size_t count = 0;
  FileResult<std::int32_t> opened;
  while ((opened = files.open("/data/file", kOpenReadOnly, 0))) ++count;
  EXPECT_EQ(opened.error(), Errno::mfile);
  EXPECT_LE(count, GuestFiles::kMaxOpenFiles);
  EXPECT_GT(count, 500U);
  EXPECT_TRUE(files.close(GuestFiles::kFirstDescriptor));
  EXPECT_EQ(content_of(files, "/data/file"), "in the directory");
}

TEST_F(MappingTest, LimitsWhatIsNotMapped) {
  map({{"dir", "/data"}});
  const std::string some(4000, 'x');
  const auto first = files.open("/own/first", kOpenReadWrite | kOpenCreate, 0).value();
  EXPECT_EQ(put(files, first, some), 4000U);
  EXPECT_EQ(put(files, first, some), 4000U);
  EXPECT_EQ(put(files, first, some), 2000U) << "as much as there is room for";
  EXPECT_EQ(outcome_of(put(files, first, some)), "errno 28");
  EXPECT_EQ(write(files, "/own/second", "x"), "errno 28");
  EXPECT_EQ(write(files, "/own/first", some), "done") << "over what is there";
  EXPECT_EQ(write(files, "/data/new", some + some + some), "done") << "the host's are the operator's business";
  // Truncated files, and files that are removed and closed, free their space.
  EXPECT_EQ(write(files, "/own/first", "short", kOpenWriteOnly | kOpenTruncate), "done");
  EXPECT_EQ(write(files, "/own/second", some + some), "done");
  EXPECT_EQ(outcome_of(files.unlink("/own/second")), "done");
  EXPECT_EQ(write(files, "/own/third", some + some), "done");
  EXPECT_EQ(outcome_of(files.unlink("/own/first")), "done");
  EXPECT_EQ(write(files, "/own/third", "x", kOpenWriteOnly | kOpenAppend), "done");
  // Holes count.
  const auto sparse = files.open("/own/sparse", kOpenReadWrite | kOpenCreate, 0).value();
  EXPECT_EQ(files.lseek(sparse, 1'000'000, uhyve::kSeekSet), 1'000'000);
  EXPECT_EQ(outcome_of(put(files, sparse, "x")), "errno 28");
  EXPECT_EQ(files.fstat(sparse)->st_size, 0);
}

TEST_F(MappingTest, SharesTheRoomAmongProcessors) {
  std::atomic<std::uint64_t> total = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        const auto name = "/own/" + std::to_string(thread % 2);
        const auto file = files.open(name, kOpenWriteOnly | kOpenCreate | kOpenAppend, 0).value();
        for (int i = 0; i < 200; ++i) total += put(files, file, std::string(37, 'x')).value_or(0);
      });
    }
  }
  EXPECT_EQ(total, 10000U) << "neither more nor less than there is";
  EXPECT_EQ(files.stat("/own/0", true)->st_size + files.stat("/own/1", true)->st_size, 10000);
}

TEST_F(MappingTest, SaysWhatCannotBeMapped) {
  for (const auto* const path : {"none/file", "none/", "none/..", "none/.", "file/none"}) {
    EXPECT_EQ(complaint({{host(path), "/data"}}), "'" + host(path) + "': No such file or directory");
  }
  EXPECT_EQ(complaint({{"", "/data"}}), "'': No such file or directory");
  EXPECT_EQ(complaint({{host("outside/none"), "/data"}}), "'" + host("outside/none") + "': Not a directory");
  fs::create_symlink("none", host("dangling"));
  EXPECT_EQ(complaint({{host("dangling"), "/data"}}), "'" + host("dangling") + "': is a dangling symbolic link");
  EXPECT_EQ(complaint({{"/dev/null", "/data"}}), "'/dev/null': is neither a file nor a directory");
  for (const auto* const guest : {"", "/a/../b", "..", "/.."}) {
    EXPECT_EQ(complaint({{host("dir"), guest}}),
              "'" + std::string{guest} + "' cannot be the path of a mapping: it must be / or below, without '..'");
  }
  EXPECT_EQ(complaint({{host("outside"), "/"}}),
            "'" + host("outside") + "' is not a directory, so it cannot be mapped at /");
  EXPECT_EQ(complaint({{host("none"), "/./"}}),
            "'" + host("none") + "' is not a directory, so it cannot be mapped at /");
  EXPECT_EQ(complaint({{host("dir"), "/data"}, {host("sub"), "data/."}}), "two mappings have the path 'data/.'");
}

TEST_F(MappingTest, NamesWhatStaysInReach) {
  using Access = isolation::OpenPath::Access;
  map({{"dir", "/data", true},
       {"outside", "/one"},
       {"dir/file", "/two", true},
       {"dir/new", "/x"},
       {"dir/none", "/y", true}});
  const auto paths = files.open_paths();
  ASSERT_EQ(paths.size(), 7U);
  const auto is = [&](const isolation::OpenPath& path, const std::string& name, Access access) {
    struct stat here{};
    struct stat there{};
    EXPECT_EQ(::fstat(path.descriptor, &here), 0);
    EXPECT_EQ(::stat(host(name).c_str(), &there), 0);
    return here.st_ino == there.st_ino && path.access == access;
  };
  EXPECT_TRUE(is(paths[0], "dir", Access::read));
  EXPECT_TRUE(is(paths[1], "outside", Access::write));
  EXPECT_TRUE(is(paths[2], "", Access::remove_files)) << "the directory, to unlink the file, and for nothing else";
  EXPECT_TRUE(is(paths[3], "dir/file", Access::read)) << "and not its directory";
  EXPECT_TRUE(is(paths[4], "dir", Access::make_files)) << "to make the file, and not to list the directory";
  EXPECT_TRUE(is(paths[6], "tmp", Access::clean_up));
}

TEST_F(MappingTest, OpensAsTheModeSays) {
  GuestFiles synchronous{GuestFileOptions{.temporary_parent = host("tmp"), .is_synchronous = true}};
  ASSERT_TRUE(synchronous.add_mappings({{host("dir"), "/data"}}));
  EXPECT_EQ(write(synchronous, "/data/new", "made"), "done");
  EXPECT_EQ(write(synchronous, "/own", "made"), "done");
  GuestFiles direct{GuestFileOptions{.temporary_parent = host("tmp"), .bypasses_cache = true}};
  ASSERT_TRUE(direct.add_mappings({{host("dir"), "/data"}}));
  // Without the cache, some file systems accept only whole blocks.
  const auto outcome = write(direct, "/data/new", "odd");
  EXPECT_TRUE(outcome == "errno 22" || outcome == "done") << outcome;
}

}  // namespace
}  // namespace hermitage::vmm
