#include "hermitage/vmm/serial.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

auto content_of(const std::string& path) -> std::string {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write(Serial& serial, std::string_view text) {
  serial.write(std::as_bytes(std::span{text}));
}

auto opened(const OutputTarget& target, std::function<void()> on_pending = {}) -> Serial {
  auto serial = std::move(Serial::open(target).value());
  serial.set_on_pending(std::move(on_pending));
  return serial;
}

TEST(Serial, PassesWholeLinesOnAtOnce) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("out");
  int wakes = 0;
  auto serial = opened(OutputFile{path}, [&] { ++wakes; });
  write(serial, "one\n");
  EXPECT_EQ(content_of(path), "one\n");
  EXPECT_FALSE(serial.has_pending());
  EXPECT_EQ(wakes, 0);

  write(serial, "tw");
  EXPECT_TRUE(serial.has_pending());
  EXPECT_EQ(wakes, 1) << "something begins to wait";
  write(serial, "o");
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(content_of(path), "one\n");
  write(serial, "\nthr");
  EXPECT_EQ(content_of(path), "one\ntwo\n");
  EXPECT_TRUE(serial.has_pending());
  write(serial, "ee\n");
  EXPECT_EQ(content_of(path), "one\ntwo\nthree\n");
  EXPECT_FALSE(serial.has_pending());

  write(serial, "rest");
  EXPECT_EQ(wakes, 2);
  serial.flush();
  EXPECT_EQ(content_of(path), "one\ntwo\nthree\nrest");
  EXPECT_FALSE(serial.has_pending());
  EXPECT_EQ(serial.write_error(), 0);
}

TEST(Serial, PassesLongLinesOn) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("out");
  auto serial = opened(OutputFile{path});
  write(serial, std::string(Serial::kCapacity - 1, 'a'));
  EXPECT_EQ(content_of(path), "");
  write(serial, "b");
  EXPECT_EQ(content_of(path), std::string(Serial::kCapacity - 1, 'a') + "b");
  EXPECT_FALSE(serial.has_pending());
  std::string large;
  for (std::size_t i = 0; i < 10 * Serial::kCapacity + 100; ++i) large += static_cast<char>('a' + i % 26);
  write(serial, large);
  serial.flush();
  EXPECT_EQ(content_of(path).substr(Serial::kCapacity), large);
}

TEST(Serial, PassesEveryByteOn) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("out");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  auto serial = opened(OutputFile{path});
  write(serial, all);
  serial.flush();
  EXPECT_EQ(content_of(path), all);
}

TEST(Serial, MakesItsFileAnew) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.write("out", "what was there before");
  auto serial = opened(OutputFile{path});
  EXPECT_EQ(content_of(path), "what was there before") << "the guest has not begun";
  serial.begin();
  write(serial, "x\n");
  EXPECT_EQ(content_of(path), "x\n");

  // What has no length stays as it is.
  auto device = opened(OutputFile{"/dev/null"});
  device.begin();
  EXPECT_EQ(device.write_error(), 0);

  const auto nowhere = Serial::open(OutputFile{directory.file("no/where")});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::host_failed);
  EXPECT_NE(nowhere.error().message.find("no/where cannot be made: No such file"), std::string::npos)
      << nowhere.error().message;
}

TEST(Serial, KeepsItInABuffer) {
  auto serial = opened(OutputBuffer{.limit = 10});
  write(serial, "one\ntwo");
  EXPECT_FALSE(serial.has_pending()) << "nobody waits for it";
  serial.flush();
  EXPECT_EQ(serial.write_error(), 0);
  write(serial, "345");
  EXPECT_EQ(serial.write_error(), 0);
  write(serial, "6789");
  EXPECT_EQ(serial.write_error(), EFBIG);
  write(serial, "more");
  EXPECT_EQ(serial.take_buffer(), "one\ntwo345");
  EXPECT_EQ(serial.take_buffer(), "");
}

TEST(Serial, KeepsNoMoreThanItsLimitAtOnce) {
  auto serial = opened(OutputBuffer{.limit = 10});
  write(serial, std::string(100'000, 'x'));
  EXPECT_EQ(serial.write_error(), EFBIG);
  EXPECT_EQ(serial.take_buffer(), std::string(10, 'x'));
}

TEST(Serial, DropsWhatNobodyWants) {
  int wakes = 0;
  auto serial = opened(NoOutput{}, [&] { ++wakes; });
  write(serial, "x");
  serial.flush();
  EXPECT_FALSE(serial.has_pending());
  EXPECT_EQ(wakes, 0);
  EXPECT_EQ(serial.take_buffer(), "");
  EXPECT_EQ(serial.write_error(), 0);
}

TEST(Serial, RemembersTheFirstError) {
  auto serial = opened(OutputFile{"/dev/full"});
  write(serial, "x");
  EXPECT_EQ(serial.write_error(), 0) << "not tried yet";
  write(serial, "\n");
  EXPECT_EQ(serial.write_error(), ENOSPC);
  write(serial, std::string(100'000, 'y'));
  EXPECT_EQ(serial.write_error(), ENOSPC);
  serial.flush();
  EXPECT_EQ(serial.write_error(), ENOSPC);
  EXPECT_FALSE(serial.has_pending()) << "what comes after it is dropped";
}

// A pipe that is full, and its two ends.
class FullPipe {
 public:
  explicit FullPipe(const std::string& path) : path_{path} {
    if (::mkfifo(path.c_str(), 0600) != 0) throw std::system_error{errno, std::generic_category(), path};
    reader_ = Descriptor{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  }

  // After this, nothing more goes into it.
  void fill() const {
    const Descriptor writer{::open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
    const std::array<char, 4096> block{};
    while (::write(writer.get(), block.data(), block.size()) > 0) continue;
  }

  [[nodiscard]] auto read_all() const -> std::string {
    std::string all;
    std::array<char, 4096> block{};
    for (;;) {
      const auto got = ::read(reader_.get(), block.data(), block.size());
      if (got <= 0) return all;
      all.append(block.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  std::string path_;
  Descriptor reader_;
};

TEST(Serial, WaitsForAReader) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  auto serial = opened(OutputFile{directory.file("pipe")});
  pipe.fill();
  std::thread writer{[&] { write(serial, "late\n"); }};
  std::string all;
  while (!all.ends_with("late\n")) all += pipe.read_all();
  writer.join();
  EXPECT_EQ(serial.write_error(), 0);
}

TEST(Serial, WaitsForNobodyOnceAbandoned) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  auto serial = opened(OutputFile{directory.file("pipe")});
  pipe.fill();
  serial.abandon();
  write(serial, "late\n");
  EXPECT_EQ(serial.write_error(), EAGAIN);
}

// The guest is to end while somebody waits: its last words count, unless it is ended by force.
TEST(Serial, StopsWaitingWhenTheGuestIsEnded) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  const Descriptor stop{::eventfd(0, EFD_CLOEXEC)};
  auto serial = std::move(Serial::open(OutputFile{directory.file("pipe")}, stop.get()).value());
  pipe.fill();
  std::thread writer{[&] { write(serial, "late\n"); }};
  std::this_thread::sleep_for(std::chrono::milliseconds{20});
  serial.abandon();
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(stop.get(), &one, sizeof one), 8);
  writer.join();
  EXPECT_EQ(serial.write_error(), EAGAIN);
}

TEST(Serial, WritesWithoutWaitingOnceAbandoned) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("out");
  auto serial = opened(OutputFile{path});
  serial.abandon();
  const std::string text(3 * Serial::kCapacity, 'x');
  write(serial, text + "\n");
  EXPECT_EQ(content_of(path), text + "\n");
}

TEST(Serial, KeepsLinesOfSeveralProcessorsWhole) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("out");
  auto serial = opened(OutputFile{path});
  std::vector<std::thread> processors;
  for (char name = 'a'; name < 'e'; ++name) {
    processors.emplace_back([&serial, name] {
      for (int i = 0; i < 200; ++i) write(serial, std::string(20, name) + "\n");
    });
  }
  for (auto& processor : processors) processor.join();
  std::ifstream file{path};
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) EXPECT_EQ(line, std::string(20, line.front()));
  EXPECT_EQ(lines, 800);
}

}  // namespace
}  // namespace hermitage::vmm
