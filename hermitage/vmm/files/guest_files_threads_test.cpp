// vCPUs of a guest that use the same files at the same time. These tests run with -fsanitize=thread.
#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/files/guest_files_testing.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
using testing::put;
using uhyve::kOpenAppend;
using uhyve::kOpenCreate;
using uhyve::kOpenExclusive;
using uhyve::kOpenReadOnly;
using uhyve::kOpenReadWrite;
using uhyve::kOpenTruncate;
using uhyve::kOpenWriteOnly;

constexpr std::uint64_t kLimit = 1 << 20;

// With two and four threads.
class GuestFilesThreads : public ::testing::TestWithParam<int> {
 protected:
  // Calls what(number of the thread) in all threads at the same time.
  static void run(const std::function<void(int)>& what) {
    std::latch start{GetParam()};
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(GetParam()));
    for (int number = 0; number < GetParam(); ++number) {
      threads.emplace_back([&, number] {
        start.arrive_and_wait();
        what(number);
      });
    }
  }

  auto size_of(std::string_view path) -> std::int64_t {
    const auto attributes = files.stat(path, true);
    return attributes ? attributes->st_size : -1;
  }

  // The number of files in the private directory, and of files that a test has created.
  [[nodiscard]] auto host_files() const -> std::size_t {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator{directory.path()}) {
      count += entry.is_regular_file() ? 1U : 0U;
    }
    return count;
  }

  hermitage::testing::TemporaryDirectory directory;
  GuestFiles files{GuestFileOptions{.temporary_parent = directory.path(), .temporary_limit = kLimit}};
};

INSTANTIATE_TEST_SUITE_P(Of, GuestFilesThreads, ::testing::Values(2, 4), ::testing::PrintToStringParamName());

TEST_P(GuestFilesThreads, StayBelowTheLimitWhileOneSeeks) {
  const auto file = files.open("/own", kOpenReadWrite | kOpenCreate, 0).value();
  run([&](int number) {
    for (int i = 0; i < 20'000; ++i) {
      if (number % 2 == 0) {
        std::ignore = files.lseek(file, 0, uhyve::kSeekSet);
        std::ignore = put(files, file, "x");
      } else {
        std::ignore = files.lseek(file, std::int64_t{1} << 40, uhyve::kSeekSet);
      }
    }
  });
  EXPECT_LE(size_of("/own"), static_cast<std::int64_t>(kLimit));
}

TEST_P(GuestFilesThreads, StayBelowTheLimitWhileOneTruncates) {
  std::ignore = files.open("/own", kOpenReadWrite | kOpenCreate, 0).value();
  run([&](int number) {
    const auto flags = number % 2 == 0 ? kOpenWriteOnly | kOpenAppend : kOpenWriteOnly;
    const auto file = files.open("/own", flags, 0).value();
    for (int i = 0; i < 500; ++i) {
      std::ignore = put(files, file, std::string(5000, 'x'));
      if (number == 1) std::ignore = files.close(files.open("/own", kOpenWriteOnly | kOpenTruncate, 0).value());
    }
  });
  // The limit counts the existing files: the rest can be written.
  const auto size = size_of("/own");
  EXPECT_LE(size, static_cast<std::int64_t>(kLimit));
  const auto file = files.open("/rest", kOpenWriteOnly | kOpenCreate, 0).value();
  EXPECT_EQ(put(files, file, std::string(2 * kLimit, 'x')).value_or(0), kLimit - static_cast<std::uint64_t>(size));
}

TEST_P(GuestFilesThreads, AppendWhole) {
  run([&](int number) {
    const auto file = files.open("/own", kOpenWriteOnly | kOpenCreate | kOpenAppend, 0).value();
    for (int i = 0; i < 500; ++i) EXPECT_EQ(put(files, file, std::string(100, static_cast<char>('a' + number))), 100U);
  });
  const auto content = testing::content_of(files, "/own");
  ASSERT_EQ(content.size(), static_cast<std::size_t>(GetParam()) * 500 * 100);
  for (std::size_t at = 0; at < content.size(); at += 100) {
    ASSERT_EQ(content.substr(at, 100), std::string(100, content[at]));
  }
}

// Each byte is read once, by any thread.
TEST_P(GuestFilesThreads, ReadOneDescriptor) {
  constexpr std::size_t kSize = 100'000;
  const std::shared_ptr<std::byte[]> content{new std::byte[kSize]{}};
  files.add_file("/image", content, kSize, 0644);
  const auto own = files.open("/own", kOpenReadWrite | kOpenCreate, 0).value();
  ASSERT_EQ(put(files, own, std::string(kSize, 'x')), kSize);
  for (const auto* const path : {"/image", "/own"}) {
    const auto file = files.open(path, kOpenReadOnly, 0).value();
    std::atomic<std::size_t> total = 0;
    run([&](int) {
      std::array<char, 10> piece{};
      const iovec buffer{.iov_base = piece.data(), .iov_len = piece.size()};
      for (auto got = files.read(file, {&buffer, 1}); got && *got > 0; got = files.read(file, {&buffer, 1})) {
        total += *got;
        if (!files.lseek(file, 0, uhyve::kSeekCurrent)) break;
      }
    });
    EXPECT_EQ(total, kSize) << path;
  }
}

// Each name is listed once.
TEST_P(GuestFilesThreads, ListOneDescriptor) {
  constexpr int kNames = 2000;
  for (int i = 0; i < kNames; ++i) files.add_file("/d/" + std::to_string(i), nullptr, 0, 0644);
  const auto file = files.open("/d", uhyve::kOpenDirectory, 0).value();
  std::atomic<std::size_t> total = 0;
  run([&](int) {
    std::array<std::byte, 256> buffer{};
    for (auto got = files.getdents(file, buffer); got && *got > 0; got = files.getdents(file, buffer)) {
      total += testing::entries_in(std::span{buffer}.first(*got)).size();
    }
  });
  EXPECT_EQ(total, static_cast<std::size_t>(kNames));
}

// A call continues with the file that it has found, or finds none.
TEST_P(GuestFilesThreads, CloseWhileOthersRead) {
  files.add_file("/image", std::make_shared<std::byte[]>(1000), 1000, 0644);
  std::atomic<bool> is_done = false;
  run([&](int number) {
    std::array<char, 100> piece{};
    const iovec buffer{.iov_base = piece.data(), .iov_len = piece.size()};
    while (number > 0 && !is_done) {
      const auto got = files.read(GuestFiles::kFirstDescriptor, {&buffer, 1});
      if (!got) {
        EXPECT_EQ(got.error(), Errno::badf);
      }
    }
    if (number > 0) return;
    for (int i = 0; i < 2000; ++i) {
      const auto file = files.open(i % 2 == 0 ? "/image" : "/own", kOpenReadWrite * (i % 2) | kOpenCreate, 0);
      EXPECT_EQ(file, GuestFiles::kFirstDescriptor);
      EXPECT_TRUE(files.close(GuestFiles::kFirstDescriptor));
    }
    is_done = true;
  });
}

TEST_P(GuestFilesThreads, MakeEachNameOnce) {
  constexpr int kNames = 500;
  std::atomic<int> files_made = 0;
  std::atomic<int> directories_made = 0;
  run([&](int) {
    for (int i = 0; i < kNames; ++i) {
      const auto above = "/d" + std::to_string(i);
      const auto file = files.open(above + "/file", kOpenWriteOnly | kOpenCreate | kOpenExclusive, 0);
      if (file) ++files_made;
      EXPECT_EQ(file ? Errno::exist : file.error(), Errno::exist);
      if (file) {
        EXPECT_TRUE(files.close(*file));
      }
      const auto made = files.mkdir(above + "/a/b");
      if (made) ++directories_made;
      EXPECT_EQ(made ? Errno::exist : made.error(), Errno::exist);
    }
  });
  EXPECT_EQ(files_made, kNames);
  EXPECT_EQ(directories_made, kNames);
  EXPECT_EQ(host_files(), static_cast<std::size_t>(kNames));
}

// Creating a file that may exist never fails. Removed files do not stay on the host.
TEST_P(GuestFilesThreads, MakeAndUnlinkTheSameNames) {
  std::filesystem::create_directory(directory.file("mapped"));
  ASSERT_TRUE(files.add_mappings({{directory.file("mapped"), "/mapped"}}));
  run([&](int number) {
    for (int i = 0; i < 1000; ++i) {
      const auto name = std::to_string((number + i) % 3);
      for (const auto& path : {"/dir/" + name, "/mapped/" + name}) {
        const auto file = files.open(path, kOpenWriteOnly | kOpenCreate, 0644);
        ASSERT_TRUE(file) << path << static_cast<int>(file.error());
        EXPECT_EQ(put(files, *file, "x"), 1U);
        EXPECT_TRUE(files.close(*file));
        if (const auto attributes = files.stat(path, true); !attributes) {
          EXPECT_EQ(attributes.error(), Errno::noent);
        }
        if (const auto removed = files.unlink(path); !removed) {
          EXPECT_EQ(removed.error(), Errno::noent);
        }
      }
    }
  });
  for (const auto* const path : {"/dir/0", "/dir/1", "/dir/2"})
    EXPECT_EQ(files.unlink(path), std::unexpected{Errno::noent});
  EXPECT_EQ(host_files(), 0U);
  const auto file = files.open("/all", kOpenWriteOnly | kOpenCreate, 0).value();
  EXPECT_EQ(put(files, file, std::string(2 * kLimit, 'x')), kLimit) << "the room for what was removed is there again";
}

TEST_P(GuestFilesThreads, MakeAndUnlinkAMappedFile) {
  ASSERT_TRUE(files.add_mappings({{directory.file("one"), "/mapped/one"}}));
  std::atomic<int> left = 0;
  run([&](int) {
    for (int i = 0; i < 1000; ++i) {
      const auto file = files.open("/mapped/one", kOpenWriteOnly | kOpenCreate | kOpenExclusive, 0644);
      if (file) {
        ++left;
        EXPECT_TRUE(files.close(*file));
      }
      const auto listed = testing::list(files, "/mapped");
      EXPECT_TRUE(listed.empty() || listed.contains("one"));
      if (const auto removed = files.unlink("/mapped/one")) {
        --left;
      } else {
        EXPECT_EQ(removed.error(), Errno::noent);
      }
    }
  });
  EXPECT_EQ(left, 0) << "each that was made was removed once";
  EXPECT_EQ(host_files(), 0U);
}

TEST_P(GuestFilesThreads, ListWhileOthersMakeAndUnlink) {
  for (int i = 0; i < 50; ++i) files.add_file("/d/stays" + std::to_string(i), nullptr, 0, 0644);
  std::atomic<bool> is_done = false;
  run([&](int number) {
    for (int i = 0; number > 0 && !is_done; ++i) {
      const auto path = "/d/goes" + std::to_string(number * 10 + i % 10);
      const auto file = files.open(path, kOpenWriteOnly | kOpenCreate, 0);
      if (file) {
        EXPECT_TRUE(files.close(*file));
      }
      EXPECT_TRUE(files.unlink(path));
    }
    if (number > 0) return;
    for (int i = 0; i < 200; ++i) {
      std::size_t stays = 0;
      for (const auto& [name, type] : testing::list(files, "/d")) stays += name.starts_with("stays") ? 1U : 0U;
      EXPECT_EQ(stays, 50U);
    }
    is_done = true;
  });
}

TEST_P(GuestFilesThreads, MakeOnlySoMany) {
  constexpr std::size_t kLeft = 100;
  for (std::size_t i = 0; i < GuestFiles::kMaxGuestNodes - kLeft; ++i)
    ASSERT_TRUE(files.mkdir("/" + std::to_string(i)));
  std::atomic<std::size_t> made = 0;
  run([&](int number) {
    for (std::size_t i = 0; i < kLeft; ++i) {
      const auto path = "/own/" + std::to_string(number) + "-" + std::to_string(i);
      const auto file = files.open(path, kOpenWriteOnly | kOpenCreate, 0);
      if (!file) {
        EXPECT_EQ(file.error(), Errno::nospc);
        continue;
      }
      ++made;
      EXPECT_TRUE(files.close(*file));
    }
  });
  EXPECT_EQ(made, kLeft - 1) << "and /own";
  EXPECT_EQ(host_files(), kLeft - 1);
}

}  // namespace
}  // namespace hermitage::vmm
