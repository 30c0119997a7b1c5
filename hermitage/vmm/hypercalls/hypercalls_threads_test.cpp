// Simultaneous hypercalls of several vCPUs: on the same files, directories, serial port, input and limits.
// ThreadSanitizer runs these tests (preset `thread`). Each vCPU has its own parameters and buffers, because races of
// two vCPUs on the same bytes of the guest memory are permitted.
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/files/guest_files_testing.hpp"
#include "hermitage/vmm/files/temporary_file.hpp"
#include "hermitage/vmm/hypercalls/hypercalls_testing.hpp"
#include "testing/input_pipe.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;

constexpr std::uint64_t kSize = std::uint64_t{4} << 20;
constexpr std::uint64_t kVcpus = 0x100000;      // the part of the first vCPU in the memory
constexpr std::uint64_t kVcpuSize = 0x40000;    // of each part
constexpr std::uint64_t kPath = 0x1000;         // in a part, after the parameters
constexpr std::uint64_t kBuffer = 0x3000;       // in a part
constexpr std::uint64_t kBufferSize = 0x10000;  // bytes
constexpr std::uint64_t kTemporaryLimit = 1 << 20;
constexpr std::int32_t kNewFile = uhyve::kOpenReadWrite | uhyve::kOpenCreate;

constexpr auto error_of(Errno error) -> std::int32_t {
  return static_cast<std::int32_t>(error);
}

// Runs `action` with each number below `count` in a separate thread. The threads start at the same time.
void run_at_once(int count, const std::function<void(int)>& action) {
  std::latch start{count};
  std::vector<std::jthread> threads;
  for (int i = 0; i < count; ++i) {
    threads.emplace_back([&, i] {
      start.arrive_and_wait();
      action(i);
    });
  }
}

// The objects that all vCPUs share.
class Monitor {
 public:
  explicit Monitor(std::uint32_t interface)
      : memory_{std::move(GuestMemory::allocate(x86_64::memory_bounds({interface}).start, kSize, {}).value())},
        files_{GuestFileOptions{.temporary_parent = directory_.path(), .temporary_limit = kTemporaryLimit}},
        serial_{std::move(Serial::open(OutputFile{directory_.file("output")}).value())},
        arguments_{.arguments = {"kernel", "one"}, .environment = {"A=1"}},
        hypercalls_{{interface},
                    {.memory = memory_,
                     .files = files_,
                     .serial = serial_,
                     .arguments = arguments_,
                     .trace = {},
                     .is_stopping = {}}} {
    if (!testing::write_page_tables(memory_)) throw std::logic_error{"no page tables"};
  }

  [[nodiscard]] auto memory() const -> const GuestMemory& { return memory_; }
  [[nodiscard]] auto files() -> GuestFiles& { return files_; }
  [[nodiscard]] auto serial() -> Serial& { return serial_; }
  [[nodiscard]] auto hypercalls() -> Hypercalls& { return hypercalls_; }
  [[nodiscard]] auto host_directory() const -> const hermitage::testing::TemporaryDirectory& { return directory_; }

  [[nodiscard]] auto output() const -> std::vector<std::string> {
    std::ifstream file{directory_.file("output")};
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

 private:
  hermitage::testing::TemporaryDirectory directory_;
  GuestMemory memory_;
  GuestFiles files_;
  Serial serial_;
  ArgumentVectors arguments_;
  Hypercalls hypercalls_;
};

// One of the vCPUs.
class Vcpu {
 public:
  Vcpu(Monitor& monitor, int number)
      : monitor_{monitor}, base_{monitor.memory().base() + (kVcpus + static_cast<std::uint64_t>(number) * kVcpuSize)} {}

  [[nodiscard]] auto buffer() const -> std::uint64_t { return (base_ + kBuffer).value; }

  template <class Hypercall, class Params>
  auto call(Hypercall hypercall, const Params& params) -> Params {
    if (!monitor_.memory().write(base_, params)) throw std::logic_error{"parameters outside of the memory"};
    const auto outcome = monitor_.hypercalls().call(static_cast<std::uint16_t>(hypercall), base_.value,
                                                    [this] { return testing::paging_of(monitor_.memory()); });
    if (!std::holds_alternative<Resume>(outcome)) throw std::runtime_error{"the guest does not go on"};
    return monitor_.memory().read<Params>(base_).value();
  }

  auto open(std::string_view path, std::int32_t flags) -> std::int32_t {
    return call(v2::Hypercall::open,
                uhyve::OpenParams{.name = put(path, kPath), .flags = flags, .mode = 0644, .ret = -1000})
        .ret;
  }
  auto close(std::int32_t fd) -> std::int32_t {
    return call(v2::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -1000}).ret;
  }
  auto unlink(std::string_view path) -> std::int32_t {
    return call(v2::Hypercall::unlink, uhyve::UnlinkParams{.name = put(path, kPath), .ret = -1000}).ret;
  }
  // Returns 0, or the error.
  auto mkdir(std::string_view path) -> std::int32_t {
    const auto params = call(v2::Hypercall::mkdir,
                             v2::MkdirParams{.path = put(path, kPath), .len = path.size() + 1, .tag = {}, .error = 0});
    return params.tag == v2::ResultTag::success ? 0 : params.error;
  }
  auto write(std::int32_t fd, std::string_view bytes) -> std::int64_t {
    return call(v2::Hypercall::write,
                v2::WriteParams{.len = bytes.size(), .ret = -1000, .buf = put(bytes, kBuffer), .fd = fd})
        .ret;
  }
  void print(std::string_view bytes) {
    call(v2::Hypercall::serial_write_buffer,
         v2::SerialWriteBufferParams{.len = bytes.size(), .buf = put(bytes, kBuffer)});
  }
  // The bytes that were read, or "errno 2".
  auto read(std::int32_t fd, std::uint64_t size) -> std::string {
    const auto got =
        call(v2::Hypercall::read, v2::ReadParams{.len = size, .ret = -1000, .buf = buffer(), .fd = fd}).ret;
    return got < 0 ? "errno " + std::to_string(-got) : bytes(static_cast<std::uint64_t>(got));
  }
  auto read_serial(std::uint64_t size) -> std::string {
    return bytes(
        call(v2::Hypercall::serial_read_buffer, v2::SerialReadBufferParams{.maxlen = size, .len = 0, .buf = buffer()})
            .len);
  }
  auto seek(std::int32_t fd, std::int64_t offset, std::int32_t whence) -> std::int64_t {
    return call(v2::Hypercall::lseek,
                v2::LseekParams{.offset = offset, .whence = static_cast<std::uint32_t>(whence), .fd = fd})
        .offset;
  }
  // The size of the file, or the negative error.
  auto size_of(std::int32_t fd) -> std::int64_t {
    const auto params = call(v2::Hypercall::fstat, v2::FstatParams{.fd = fd, .attr = buffer(), .tag = {}, .error = 0});
    if (params.tag != v2::ResultTag::success) return -params.error;
    return monitor_.memory().read<v2::FileAttr>({buffer()}).value().st_size;
  }
  // Names with their numbers of occurrences, or "errno 2".
  auto list(std::string_view path) -> std::map<std::string, int> {
    std::map<std::string, int> names;
    const auto fd = open(path, uhyve::kOpenDirectory);
    if (fd < 0) return {{"errno " + std::to_string(-fd), 1}};
    for (;;) {
      const auto params = call(v2::Hypercall::getdents,
                               v2::GetdentsParams{.fd = fd, .buf = buffer(), .len = 256, .tag = {}, .payload = 0});
      if (params.tag != v2::GetdentsTag::success) break;
      for (const auto& [name, type] : testing::entries_in(monitor_.memory().span({buffer()}, params.payload).value())) {
        ++names[name];
      }
    }
    close(fd);
    return names;
  }

 private:
  // Writes bytes with a NUL after them. Returns their address.
  auto put(std::string_view bytes, std::uint64_t offset) -> std::uint64_t {
    const auto room = monitor_.memory().span(base_ + offset, bytes.size() + 1).value();
    std::memcpy(room.data(), bytes.data(), bytes.size());
    room.back() = {};
    return (base_ + offset).value;
  }
  auto bytes(std::uint64_t size) -> std::string {
    const auto span = monitor_.memory().span({buffer()}, size).value();
    return {reinterpret_cast<const char*>(span.data()), span.size()};
  }

  Monitor& monitor_;
  GuestAddress base_;
};

// The number of occurrences of each byte.
auto histogram(std::string_view bytes) -> std::array<int, 256> {
  std::array<int, 256> counts{};
  for (const char byte : bytes) ++counts[static_cast<unsigned char>(byte)];
  return counts;
}

// Many bytes with different values.
auto all_bytes(std::size_t size) -> std::string {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 % 251);
  return bytes;
}

class HypercallsThreads : public ::testing::TestWithParam<int> {
 protected:
  // Runs all vCPUs at the same time.
  void run(const std::function<void(Vcpu&, int)>& action) {
    run_at_once(GetParam(), [&](int number) {
      Vcpu vcpu{monitor, number};
      action(vcpu, number);
    });
  }

  // The indexes are descriptors of files that no other vCPU can have open.
  void take(std::int32_t fd) { EXPECT_FALSE(taken_.at(static_cast<std::size_t>(fd)).exchange(true)) << fd; }
  void give_back(std::int32_t fd) { taken_.at(static_cast<std::size_t>(fd)) = false; }

  Monitor monitor{3};

 private:
  std::array<std::atomic<bool>, GuestFiles::kFirstDescriptor + GuestFiles::kMaxOpenFiles> taken_{};
};

TEST_P(HypercallsThreads, HaveDescriptorsOfTheirOwn) {
  run([&](Vcpu& vcpu, int number) {
    const std::string content(100, static_cast<char>('a' + number));
    for (int i = 0; i < 100; ++i) {
      const auto path = "/tmp/" + std::to_string(number);
      const auto fd = vcpu.open(path, kNewFile | uhyve::kOpenTruncate);
      ASSERT_GE(fd, GuestFiles::kFirstDescriptor);
      take(fd);
      ASSERT_EQ(vcpu.write(fd, content), 100);
      EXPECT_EQ(vcpu.seek(fd, 50, uhyve::kSeekSet), 50);
      EXPECT_EQ(vcpu.read(fd, 100), content.substr(50));
      EXPECT_EQ(vcpu.size_of(fd), 100);
      if (i % 2 == 0) {
        EXPECT_EQ(vcpu.unlink(path), 0);
      }
      give_back(fd);
      ASSERT_EQ(vcpu.close(fd), 0);
    }
  });
  EXPECT_EQ((Vcpu{monitor, 0}.open("/tmp/0", uhyve::kOpenReadOnly)), GuestFiles::kFirstDescriptor);
}

TEST_P(HypercallsThreads, ReadEachByteOfAnImagesFileOnce) {
  const auto content = all_bytes(20'000);
  const auto shared = std::make_shared<std::byte[]>(content.size());
  std::memcpy(shared.get(), content.data(), content.size());
  monitor.files().add_file("/image", shared, content.size(), 0644);
  const auto fd = (Vcpu{monitor, 0}.open("/image", uhyve::kOpenReadOnly));
  std::vector<std::string> read(static_cast<std::size_t>(GetParam()));
  run([&](Vcpu& vcpu, int number) {
    auto& mine = read.at(static_cast<std::size_t>(number));
    for (auto piece = vcpu.read(fd, 13); !piece.empty(); piece = vcpu.read(fd, 13)) mine += piece;
  });
  std::string all;
  for (const auto& mine : read) all += mine;
  EXPECT_EQ(histogram(all), histogram(content));
}

TEST_P(HypercallsThreads, AppendToOneFile) {
  constexpr int kRecords = 1000;
  constexpr std::size_t kRecordSize = 32;
  run([&](Vcpu& vcpu, int number) {
    const auto fd = vcpu.open("/log", kNewFile | uhyve::kOpenAppend);
    const std::string record(kRecordSize, static_cast<char>('a' + number));
    for (int i = 0; i < kRecords; ++i) ASSERT_EQ(vcpu.write(fd, record), kRecordSize);
    EXPECT_EQ(vcpu.close(fd), 0);
  });
  Vcpu vcpu{monitor, 0};
  const auto fd = vcpu.open("/log", uhyve::kOpenReadOnly);
  int records = 0;
  for (auto record = vcpu.read(fd, kRecordSize); !record.empty(); record = vcpu.read(fd, kRecordSize), ++records) {
    ASSERT_EQ(record, std::string(kRecordSize, record.front()));
  }
  EXPECT_EQ(records, kRecords * GetParam());
}

// One vCPU closes descriptors that the others use.
TEST_P(HypercallsThreads, UseDescriptorsThatOthersClose) {
  std::atomic<std::int32_t> shared = (Vcpu{monitor, 0}.open("/tmp/shared", kNewFile));
  run([&](Vcpu& vcpu, int number) {
    for (int i = 0; i < 300; ++i) {
      if (number == 0) {
        EXPECT_EQ(vcpu.close(shared), 0);
        shared = vcpu.open("/tmp/shared", kNewFile | (i % 3 == 0 ? uhyve::kOpenTruncate : 0));
        continue;
      }
      const auto written = vcpu.write(shared, "1234");
      EXPECT_TRUE(written == 4 || written == -error_of(Errno::badf)) << written;
      const auto size = vcpu.size_of(shared);
      EXPECT_TRUE(size >= 0 || size == -error_of(Errno::badf)) << size;
      const auto place = vcpu.seek(shared, 0, uhyve::kSeekSet);
      EXPECT_TRUE(place == 0 || place == -error_of(Errno::badf)) << place;
    }
  });
}

TEST_P(HypercallsThreads, MakeEachDirectoryOnce) {
  constexpr int kDirectories = 100;
  std::atomic<int> made = 0;
  std::atomic<int> removed = 0;
  ASSERT_EQ((Vcpu{monitor, 0}.open("/d/always", kNewFile)), GuestFiles::kFirstDescriptor);
  run([&](Vcpu& vcpu, int number) {
    for (int i = 0; i < kDirectories; ++i) {
      const auto error = vcpu.mkdir("/d/" + std::to_string(i));
      EXPECT_TRUE(error == 0 || error == error_of(Errno::exist)) << error;
      if (error == 0) ++made;
      const auto path = "/d/file" + std::to_string(i);
      if (const auto fd = vcpu.open(path, kNewFile | uhyve::kOpenExclusive); fd >= 0) {
        EXPECT_EQ(vcpu.close(fd), 0);
      }
      if (vcpu.unlink(path) == 0) ++removed;
      if (i % 10 != number) continue;
      const auto names = vcpu.list("/d");
      EXPECT_TRUE(std::ranges::all_of(names, [](const auto& entry) { return entry.second == 1; }));
      EXPECT_TRUE(names.contains("always"));
    }
  });
  EXPECT_EQ(made, kDirectories);
  EXPECT_GE(removed, kDirectories);
  EXPECT_EQ((Vcpu{monitor, 0}.list("/d").size()), kDirectories + 1);
}

// In a directory of the host, where no lock of the monitor makes calls atomic.
TEST_P(HypercallsThreads, WorkInOneMappedDirectory) {
  const hermitage::testing::TemporaryDirectory host;
  ASSERT_TRUE(monitor.files().add_mappings({{.host = host.path(), .guest = "/m"}}));
  std::atomic<int> made = 0;
  run([&](Vcpu& vcpu, int /*number*/) {
    for (int i = 0; i < 50; ++i) {
      const auto path = "/m/" + std::to_string(i);
      if (vcpu.mkdir(path) == 0) ++made;
      const auto fd = vcpu.open(path + "/file", kNewFile);
      ASSERT_GE(fd, 0) << path;
      EXPECT_EQ(vcpu.write(fd, "x"), 1);
      EXPECT_EQ(vcpu.close(fd), 0);
      EXPECT_EQ(vcpu.list(path), (std::map<std::string, int>{{"file", 1}}));
    }
  });
  EXPECT_EQ(made, 50);
}

TEST_P(HypercallsThreads, OpenAsManyFilesAsOneMay) {
  monitor.files().add_directory("/d");
  std::atomic<std::size_t> opened = 0;
  run([&](Vcpu& vcpu, int /*number*/) {
    std::int32_t fd = 0;
    while ((fd = vcpu.open("/d", uhyve::kOpenDirectory)) >= 0) {
      take(fd);
      ++opened;
    }
    EXPECT_EQ(fd, -error_of(Errno::mfile));
  });
  EXPECT_EQ(opened, GuestFiles::kMaxOpenFiles);
}

TEST_P(HypercallsThreads, WriteAsMuchAsTheLimitAllows) {
  std::atomic<std::int64_t> total = 0;
  run([&](Vcpu& vcpu, int number) {
    const auto fd = vcpu.open("/tmp/" + std::to_string(number % 2), kNewFile | uhyve::kOpenAppend);
    const std::string piece(97, 'x');
    std::int64_t written = 0;
    while ((written = vcpu.write(fd, piece)) > 0) total += written;
    EXPECT_EQ(written, -error_of(Errno::nospc));
  });
  EXPECT_EQ(total, kTemporaryLimit);
}

TEST_P(HypercallsThreads, PrintWholeLines) {
  constexpr std::size_t kLines = 200;
  // As the monitor does it, for the rest of a line.
  std::atomic<bool> is_over = false;
  std::atomic<int> pending = 0;
  monitor.serial().set_on_pending([&] { ++pending; });
  std::jthread supervisor{[&] {
    while (!is_over) {
      if (monitor.serial().has_pending()) monitor.serial().flush();
      std::this_thread::yield();
    }
  }};
  run([&](Vcpu& vcpu, int number) {
    const auto line = std::string(20, static_cast<char>('a' + number)) + "\n";
    for (std::size_t i = 0; i < kLines; ++i) {
      if (i % 2 == 0) {
        vcpu.print(line);
      } else {
        EXPECT_EQ(vcpu.write(1, line), 21);
      }
    }
  });
  const auto whole_lines = monitor.output();
  EXPECT_EQ(whole_lines.size(), kLines * static_cast<std::size_t>(GetParam()));
  EXPECT_TRUE(std::ranges::all_of(whole_lines, [](const auto& line) { return line == std::string(20, line[0]); }));
  EXPECT_EQ(pending, 0);

  run([&](Vcpu& vcpu, int /*number*/) {
    for (int i = 0; i < 200; ++i) vcpu.print("z");
  });
  is_over = true;
  supervisor.join();
  monitor.serial().flush();
  EXPECT_EQ(monitor.output().back(), std::string(200 * static_cast<std::size_t>(GetParam()), 'z'));
  EXPECT_GT(pending, 0);
}

TEST_P(HypercallsThreads, ReadEachByteOfTheInputOnce) {
  const auto content = all_bytes(30'000);
  const hermitage::testing::InputPipe input{content};
  std::vector<std::string> read(static_cast<std::size_t>(GetParam()));
  run([&](Vcpu& vcpu, int number) {
    auto& mine = read.at(static_cast<std::size_t>(number));
    for (;;) {
      auto piece = vcpu.read(0, 11);
      if (piece.empty()) return;
      mine += piece + vcpu.read_serial(5);
    }
  });
  std::string all;
  for (const auto& mine : read) all += mine;
  EXPECT_EQ(histogram(all), histogram(content));
}

INSTANTIATE_TEST_SUITE_P(Vcpus, HypercallsThreads, ::testing::Values(2, 4), ::testing::PrintToStringParamName{});

// With interface 1, the guest's page tables translate the addresses of buffers.
TEST(HypercallsV1Threads, WorkOnVirtualBuffers) {
  Monitor monitor{1};
  run_at_once(4, [&](int number) {
    Vcpu vcpu{monitor, number};
    const std::string record(0x2345, static_cast<char>('a' + number));
    std::memcpy(monitor.memory().span({vcpu.buffer()}, record.size()).value().data(), record.data(), record.size());
    for (int i = 0; i < 50; ++i) {
      const auto path = "/tmp/" + std::to_string(number);
      const GuestAddress name{vcpu.buffer() + kBufferSize};
      std::memcpy(monitor.memory().span(name, path.size() + 1).value().data(), path.c_str(), path.size() + 1);
      const auto fd =
          vcpu.call(v1::Hypercall::open,
                    uhyve::OpenParams{
                        .name = name.value, .flags = kNewFile | uhyve::kOpenTruncate, .mode = 0644, .ret = -1000})
              .ret;
      ASSERT_GE(fd, GuestFiles::kFirstDescriptor);
      vcpu.call(v1::Hypercall::write, v1::WriteParams{.fd = fd, .buf = vcpu.buffer(), .len = record.size()});
      vcpu.call(v1::Hypercall::lseek, v1::LseekParams{.fd = fd, .offset = 0, .whence = uhyve::kSeekSet});
      const std::int64_t got =
          vcpu.call(v1::Hypercall::read, v1::ReadParams{.fd = fd, .buf = vcpu.buffer(), .len = kBufferSize, .ret = -1})
              .ret;
      EXPECT_EQ(got, static_cast<std::int64_t>(record.size()));
      EXPECT_EQ(vcpu.call(v1::Hypercall::cmdsize, v1::CmdsizeParams{}).argc, 2);
      EXPECT_EQ(vcpu.call(v1::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -1000}).ret, 0);
    }
  });
}

// The limit of temporary files, which several files with separate locks share.
TEST(RoomThreads, GivesEachByteOnce) {
  constexpr std::uint64_t kBytes = 1'000'000;
  Room room{kBytes};
  std::atomic<std::uint64_t> total = 0;
  run_at_once(4, [&](int /*number*/) {
    std::uint64_t mine = 0;
    while (const auto taken = room.take(3)) mine += taken;
    total += mine;
  });
  EXPECT_EQ(total, kBytes);
}

}  // namespace
}  // namespace hermitage::vmm
