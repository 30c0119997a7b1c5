#include "hermitage/vmm/serial.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "testing/input_pipe.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

using namespace std::chrono_literals;

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

  // A file without a length does not change.
  auto device = opened(OutputFile{"/dev/null"});
  device.begin();
  EXPECT_EQ(device.write_error(), 0);

  const auto nowhere = Serial::open(OutputFile{directory.file("no/where")});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, ErrorCode::host_failed);
  EXPECT_NE(nowhere.error().message().find("no/where: open: No such file"), std::string::npos)
      << nowhere.error().message();
}

TEST(Serial, ShowsWhatItPassesOn) {
  const testing::TemporaryDirectory directory;
  auto serial = opened(OutputFile{directory.file("out")});
  std::string seen;
  serial.set_on_output([&seen](std::string_view text) { seen += text; });
  auto moved = std::move(serial);
  write(moved, "one\ntw");
  EXPECT_EQ(seen, "one\n");
  write(moved, "o");
  moved.flush();
  EXPECT_EQ(seen, "one\ntwo");
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

// A full pipe, with its two ends.
class FullPipe {
 public:
  explicit FullPipe(const std::string& path) : path_{path} {
    if (::mkfifo(path.c_str(), 0600) != 0) throw std::system_error{errno, std::generic_category(), path};
    reader_ = Descriptor{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  }

  // After this, the pipe is full.
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

TEST(Serial, WaitsForNoReaderForLongOnceAbandoned) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  auto serial = opened(OutputFile{directory.file("pipe")});
  pipe.fill();
  serial.abandon();
  write(serial, "late\n");
  EXPECT_EQ(serial.write_error(), 0) << "nothing is wrong with the output";
  EXPECT_EQ(serial.undelivered(), 5U);
  write(serial, "and more");
  serial.flush();
  EXPECT_EQ(serial.undelivered(), 13U);
}

TEST(Serial, StopsWaitingForAReaderOnceAbandoned) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  auto serial = opened(OutputFile{directory.file("pipe")});
  pipe.fill();
  std::thread writer{[&] { write(serial, "late\n"); }};
  std::this_thread::sleep_for(20ms);
  serial.abandon();
  writer.join();
  EXPECT_EQ(serial.undelivered(), 5U);
}

// The last output still reaches a reader that needs a moment.
TEST(Serial, GivesAReaderTimeOnceAbandoned) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  auto serial = opened(OutputFile{directory.file("pipe")});
  pipe.fill();
  serial.abandon();
  std::thread writer{[&] { write(serial, "late\n"); }};
  std::string all;
  while (!all.ends_with("late\n") && serial.undelivered() == 0) all += pipe.read_all();
  writer.join();
  EXPECT_EQ(serial.undelivered(), 0U);
}

// A guest that has ended by itself is not ended from outside: a slow reader loses no output.
TEST(Serial, WaitsForAReaderAfterTheEnd) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  auto serial = opened(OutputFile{directory.file("pipe")});
  pipe.fill();
  write(serial, "last words");
  serial.end();
  std::thread flusher{[&] { serial.flush(); }};
  std::this_thread::sleep_for(Serial::kGrace + 50ms);
  std::string all;
  while (!all.ends_with("last words")) all += pipe.read_all();
  flusher.join();
  EXPECT_EQ(serial.undelivered(), 0U);
}

TEST(Serial, CutsALargeWriteShortAtTheEnd) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("out");
  const std::string large(100 * Serial::kCapacity, 'x');
  auto ended = opened(OutputFile{path});
  ended.end();
  write(ended, large);
  EXPECT_EQ(content_of(path).size(), Serial::kCapacity);
  EXPECT_EQ(ended.undelivered(), 0U) << "the guest did not wait for it";

  auto abandoned = opened(OutputFile{path});
  abandoned.abandon();
  write(abandoned, large);
  EXPECT_EQ(abandoned.undelivered(), 99 * Serial::kCapacity);
}

// A signal does not end the wait.
class InterruptedThread {
 public:
  // Runs `work` in a thread that receives a signal every millisecond.
  explicit InterruptedThread(std::function<void()> work) {
    struct sigaction action{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, &before_);
    thread_ = std::thread{[this, work = std::move(work)] {
      work();
      is_done_ = true;
    }};
    while (!is_done_) {
      ::pthread_kill(thread_.native_handle(), SIGUSR1);
      std::this_thread::sleep_for(1ms);
    }
    thread_.join();
    ::sigaction(SIGUSR1, &before_, nullptr);
  }

 private:
  struct sigaction before_{};
  std::atomic<bool> is_done_ = false;
  std::thread thread_;
};

TEST(Serial, WaitsForAReaderThroughSignals) {
  const testing::TemporaryDirectory directory;
  const FullPipe pipe{directory.file("pipe")};
  auto serial = opened(OutputFile{directory.file("pipe")});
  pipe.fill();
  std::thread reader{[&] {
    std::this_thread::sleep_for(50ms);
    std::string all;
    while (!all.ends_with("late\n")) all += pipe.read_all();
  }};
  const InterruptedThread writer{[&] { write(serial, "late\n"); }};
  reader.join();
  EXPECT_EQ(serial.write_error(), 0);
  EXPECT_EQ(serial.undelivered(), 0U);
}

auto read_byte(Serial& serial) -> FileResult<std::uint64_t> {
  std::byte byte{};
  const iovec buffer{.iov_base = &byte, .iov_len = 1};
  return serial.read({&buffer, 1});
}

TEST(Serial, WaitsForInput) {
  const testing::InputPipe input;
  auto serial = opened(NoOutput{});
  std::thread typist{[&] {
    std::this_thread::sleep_for(20ms);
    input.put("x");
  }};
  EXPECT_EQ(read_byte(serial), 1U);
  typist.join();
}

TEST(Serial, WaitsForNoInputAfterTheEnd) {
  const testing::InputPipe input;
  auto serial = opened(NoOutput{});
  std::thread ender{[&] {
    std::this_thread::sleep_for(20ms);
    serial.end();
  }};
  EXPECT_EQ(read_byte(serial), fails(guest_errno(EINTR)));
  ender.join();
  EXPECT_EQ(read_byte(serial), fails(guest_errno(EINTR)));
}

TEST(Serial, ReadsInputThroughSignals) {
  const testing::InputPipe input;
  auto serial = opened(NoOutput{});
  std::thread typist{[&] {
    std::this_thread::sleep_for(50ms);
    input.put("x");
  }};
  FileResult<std::uint64_t> got = 0;
  const InterruptedThread reader{[&] { got = read_byte(serial); }};
  typist.join();
  EXPECT_EQ(got, 1U);
}

TEST(Serial, TakesOnlyInputThatIsThere) {
  testing::InputPipe input;
  auto serial = opened(NoOutput{});
  std::array<std::byte, 8> bytes{};
  EXPECT_EQ(serial.read_available(bytes), 0U);
  input.put("abc");
  EXPECT_EQ(serial.read_available(bytes), 3U);
  EXPECT_EQ(serial.read_available({}), 0U);
  input.close();
  EXPECT_EQ(serial.read_available(bytes), 0U);
  EXPECT_EQ(read_byte(serial), 0U);
}

// Each byte is read by one reader. The others wait for the next byte, and return at the end. The pipe stays open.
TEST(SerialThreads, ShareInputAndAllComeBack) {
  for (int round = 0; round < 300; ++round) {
    const testing::InputPipe input;
    auto serial = opened(NoOutput{});
    std::atomic<int> bytes = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 4; ++i) {
      readers.emplace_back([&, i] {
        std::array<std::byte, 1> byte{};
        if (i == 3) {
          while (bytes == 0) bytes += static_cast<int>(serial.read_available(byte));
          return serial.end();
        }
        if (read_byte(serial) != 1U) return;
        ++bytes;
        serial.end();
      });
    }
    input.put("x");
    for (auto& reader : readers) reader.join();
    EXPECT_EQ(bytes, 1);
  }
}

TEST(SerialThreads, AllComeBackFromAFullPipe) {
  for (int round = 0; round < 10; ++round) {
    const testing::TemporaryDirectory directory;
    const FullPipe pipe{directory.file("pipe")};
    auto serial = opened(OutputFile{directory.file("pipe")});
    pipe.fill();
    std::vector<std::thread> writers;
    for (int i = 0; i < 4; ++i) {
      writers.emplace_back([&] {
        for (int line = 0; line < 100; ++line) write(serial, "line\n");
      });
    }
    serial.abandon();
    for (auto& writer : writers) writer.join();
    EXPECT_EQ(serial.undelivered(), 4U * 100 * 5);
  }
}

TEST(SerialThreads, KeepTheirLinesWhole) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.file("out");
  auto serial = opened(OutputFile{path});
  std::vector<std::thread> vCPUs;
  for (char name = 'a'; name < 'e'; ++name) {
    vCPUs.emplace_back([&serial, name] {
      for (int i = 0; i < 200; ++i) write(serial, std::string(20, name) + "\n");
    });
  }
  for (auto& vCPU : vCPUs) vCPU.join();
  std::ifstream file{path};
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) EXPECT_EQ(line, std::string(20, line.front()));
  EXPECT_EQ(lines, 800);
}

}  // namespace
}  // namespace hermitage::vmm
