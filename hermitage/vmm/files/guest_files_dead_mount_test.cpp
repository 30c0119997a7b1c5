// A file system that does not respond, such as a network mount without its server, and calls on all other files.
#include <linux/fuse.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/files/guest_files_testing.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;
namespace uhyve = entry::uhyve;
using testing::content_of;
using testing::list;
using testing::put;

// A FUSE file system with a file `file` that can be opened. Reading it and looking up other names get no reply until
// the connection is aborted.
class DeadMount {
 public:
  // Whether the process can mount it. Sets errno on failure.
  auto mount(const std::string& where) -> bool {
    connection_ = Descriptor{::open("/dev/fuse", O_RDWR | O_CLOEXEC)};
    if (!connection_.is_open()) return false;
    const auto options = "fd=" + std::to_string(connection_.get()) + ",rootmode=40000,user_id=0,group_id=0";
    if (::mount("dead", where.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) return false;
    where_ = where;
    server_ = std::thread{[this] { serve(); }};
    return true;
  }
  ~DeadMount() { abort(); }

  // Waits at most a minute for requests that get no reply.
  [[nodiscard]] auto has_ignored(int count) const -> bool {
    for (int i = 0; i < 6000 && ignored_ < count; ++i) std::this_thread::sleep_for(10ms);
    return ignored_ >= count;
  }

  void abort() {
    if (!server_.joinable()) return;
    ::umount2(where_.c_str(), MNT_FORCE);  // aborts the connection; reading it fails with ENODEV
    ::umount2(where_.c_str(), MNT_DETACH);
    server_.join();
  }

 private:
  static constexpr std::uint64_t kRoot = FUSE_ROOT_ID;
  static constexpr std::uint64_t kFile = 2;

  void serve() {
    alignas(fuse_in_header) std::array<char, FUSE_MIN_READ_BUFFER + 4096> request{};
    for (;;) {
      const auto size = ::read(connection_.get(), request.data(), request.size());
      if (size < 0 && errno == ENODEV) return;
      if (size < static_cast<ssize_t>(sizeof(fuse_in_header))) continue;
      fuse_in_header header{};
      std::memcpy(&header, request.data(), sizeof header);
      answer(header, request.data() + sizeof header);
    }
  }

  void answer(const fuse_in_header& header, const char* name) {
    switch (header.opcode) {
      case FUSE_INIT: {
        fuse_init_out out{};
        out.major = FUSE_KERNEL_VERSION;
        out.minor = FUSE_KERNEL_MINOR_VERSION;
        out.max_write = 4096;
        return reply(header, out);
      }
      case FUSE_GETATTR: {
        fuse_attr_out out{};
        out.attr = attributes_of(header.nodeid);
        return reply(header, out);
      }
      case FUSE_LOOKUP: {
        if (std::string_view{name} != "file") break;
        fuse_entry_out out{};
        out.nodeid = kFile;
        out.attr = attributes_of(kFile);
        return reply(header, out);
      }
      case FUSE_OPEN: return reply(header, fuse_open_out{});
      case FUSE_READ: break;
      default: return;  // closing a file
    }
    ++ignored_;
  }

  static auto attributes_of(std::uint64_t node) -> fuse_attr {
    fuse_attr attributes{};
    attributes.ino = node;
    attributes.size = 4096;
    attributes.mode = node == kRoot ? S_IFDIR | 0755U : S_IFREG | 0644U;
    attributes.nlink = 1;
    return attributes;
  }

  template <class Out>
  void reply(const fuse_in_header& request, Out out) const {
    fuse_out_header header{};
    header.len = sizeof header + sizeof out;
    header.unique = request.unique;
    const std::array<iovec, 2> parts{{{&header, sizeof header}, {&out, sizeof out}}};
    [[maybe_unused]] const auto written = ::writev(connection_.get(), parts.data(), parts.size());
  }

  Descriptor connection_;
  std::string where_;
  std::thread server_;
  std::atomic<int> ignored_ = 0;
};

constexpr int kCannotMount = 77;

// Uses all files except for those of the mount.
void use_other_files(GuestFiles& files, std::int32_t dead) {
  EXPECT_EQ(content_of(files, "/image"), "x");
  EXPECT_EQ(content_of(files, "/mapped/file"), "alive");
  const auto own = files.open("/own/file", uhyve::kOpenReadWrite | uhyve::kOpenCreate, 0).value();
  EXPECT_EQ(put(files, own, "abc"), 3U);
  EXPECT_EQ(files.lseek(own, 0, uhyve::kSeekSet), 0);
  EXPECT_TRUE(files.fstat(own));
  EXPECT_TRUE(files.stat("/mapped/file", true));
  EXPECT_TRUE(files.mkdir("/own/directory"));
  EXPECT_TRUE(files.mkdir("/mapped/directory"));
  EXPECT_EQ(list(files, "/own").size(), 2U);
  EXPECT_EQ(list(files, "/mapped").size(), 2U);
  EXPECT_EQ(list(files, "/", 1024).size(), 4U) << "the dead mount is listed, too";
  EXPECT_TRUE(files.unlink("/own/file"));
  EXPECT_TRUE(files.unlink("/mapped/file"));
  EXPECT_TRUE(files.close(own));
  EXPECT_TRUE(files.close(dead)) << "which a thread reads at the moment";
}

// Returns an exit status.
auto try_dead_mount() -> int {
  const hermitage::testing::TemporaryDirectory directory;
  std::filesystem::create_directory(directory.file("dead"));
  std::filesystem::create_directory(directory.file("alive"));
  directory.write("alive/file", "alive");
  // The order of declarations unmounts it before the futures wait.
  GuestFiles files{GuestFileOptions{.temporary_parent = directory.path()}};
  std::future<void> opening;
  std::future<void> reading;
  std::future<void> others;
  DeadMount mount;
  if (!mount.mount(directory.file("dead"))) return kCannotMount;
  const auto added = files.add_mappings({{directory.file("dead"), "/dead"}, {directory.file("alive"), "/mapped"}});
  EXPECT_TRUE(added) << (added ? "" : added.error().message());
  files.add_file("/image", std::make_shared<std::byte[]>(1, std::byte{'x'}), 1, 0644);

  const auto dead = files.open("/dead/file", uhyve::kOpenReadOnly, 0).value();
  opening = std::async(std::launch::async, [&] { EXPECT_FALSE(files.open("/dead/other", uhyve::kOpenReadOnly, 0)); });
  reading = std::async(std::launch::async, [&] {
    std::array<char, 10> bytes{};
    const iovec buffer{.iov_base = bytes.data(), .iov_len = bytes.size()};
    EXPECT_FALSE(files.read(dead, {&buffer, 1}));
  });
  EXPECT_TRUE(mount.has_ignored(2)) << "both wait for an answer";
  others = std::async(std::launch::async, [&] { use_other_files(files, dead); });
  EXPECT_EQ(others.wait_for(60s), std::future_status::ready);
  EXPECT_EQ(opening.wait_for(0s), std::future_status::timeout);
  EXPECT_EQ(reading.wait_for(0s), std::future_status::timeout);
  return ::testing::Test::HasFailure() ? 1 : 0;
}

// Whether this process can mount: it belongs to root, or to root in a separate namespace.
auto may_mount() -> bool {
  const auto user = std::to_string(::geteuid());
  const auto group = std::to_string(::getegid());
  if (::geteuid() != 0) {
    if (::unshare(CLONE_NEWUSER) != 0) return false;
    std::ofstream{"/proc/self/setgroups"} << "deny";
    std::ofstream{"/proc/self/uid_map"} << "0 " + user + " 1";
    std::ofstream{"/proc/self/gid_map"} << "0 " + group + " 1";
  }
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

TEST(GuestFilesThreadsOnADeadMount, AreOnlyThoseThatUseIt) {
  const auto child = ::fork();
  if (child == 0) {
    const auto status = may_mount() ? try_dead_mount() : kCannotMount;
    std::fflush(nullptr);
    ::_exit(status);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  if (WEXITSTATUS(status) == kCannotMount) GTEST_SKIP() << "no FUSE file system can be mounted here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace hermitage::vmm
