// Every hypercall of every interface, on a memory without a vCPU. The file is long, because it is a table of all calls
// of three interfaces.
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "testing/input_pipe.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;

constexpr std::uint64_t kPage = 0x1000;
constexpr std::uint64_t kSize = std::uint64_t{8} << 20;
constexpr std::uint64_t kMax = UINT64_MAX;

// The places of test data, as offsets from the start of the memory.
constexpr std::uint64_t kTables = 0x10000;  // page tables, starting with the PML4
constexpr std::uint64_t kParams = 0x20000;
constexpr std::uint64_t kText = 0x30000;
constexpr std::uint64_t kBuffer = 0x40000;

constexpr auto error_of(Errno error) -> std::int32_t {
  return static_cast<std::int32_t>(error);
}

// A monitor without a machine.
class Monitor {
 public:
  explicit Monitor(std::uint32_t interface, ArgumentVectors arguments = {})
      : base_{x86_64::memory_bounds({interface}).start.value},
        memory_{std::move(GuestMemory::allocate({base_}, kSize, {}).value())},
        files_{directory_.path()},
        serial_{std::move(Serial::open(OutputBuffer{}).value())},
        arguments_{std::move(arguments)},
        hypercalls_{{interface},
                    {.memory = memory_,
                     .files = files_,
                     .serial = serial_,
                     .arguments = arguments_,
                     .trace = [this](std::string_view line) { traced_.emplace_back(line); },
                     .is_stopping = [this] { return is_stopping; }}} {
    const auto content = std::make_shared<std::byte[]>(10);
    std::memcpy(content.get(), "0123456789", 10);
    files_.add_file("/etc/digits", content, 10, 0644);
    files_.add_link("/link", "/etc/digits");
    files_.add_link("/dangling", "/nowhere");
  }

  [[nodiscard]] auto base() const -> std::uint64_t { return base_; }
  [[nodiscard]] auto end() const -> std::uint64_t { return base_ + kSize; }
  [[nodiscard]] auto memory() const -> const GuestMemory& { return memory_; }
  [[nodiscard]] auto at(std::uint64_t offset) const -> std::uint64_t { return base_ + offset; }
  [[nodiscard]] auto hypercalls() -> Hypercalls& { return hypercalls_; }
  [[nodiscard]] auto output() -> std::string { return serial_.take_buffer(); }
  [[nodiscard]] auto traced() const -> const std::vector<std::string>& { return traced_; }

  // Writes a string with its NUL. Returns its address.
  auto put(std::string_view text, std::uint64_t offset = kText) -> std::uint64_t {
    const std::string terminated{text};
    std::memcpy(memory_.span({at(offset)}, text.size() + 1).value().data(), terminated.c_str(), text.size() + 1);
    return at(offset);
  }

  [[nodiscard]] auto bytes(std::uint64_t offset, std::size_t size) const -> std::string {
    const auto span = memory_.span({at(offset)}, size).value();
    return {reinterpret_cast<const char*>(span.data()), size};
  }

  template <class Hypercall>
  auto raw(Hypercall hypercall, std::uint64_t argument) -> AccessOutcome {
    return hypercalls_.call(static_cast<std::uint16_t>(hypercall), argument, [this] { return paging; });
  }

  // Makes the call with parameters at an odd address. Returns the parameters after the call.
  template <class Hypercall, class Params>
  auto call(Hypercall hypercall, const Params& params) -> Params {
    const GuestAddress address{at(kParams) + 1};
    if (!memory_.write(address, params)) throw std::logic_error{"parameters outside of the memory"};
    const auto outcome = raw(hypercall, address.value);
    if (!std::holds_alternative<Resume>(outcome)) throw std::runtime_error{"does not go on"};
    return memory_.read<Params>(address).value();
  }

  auto open(std::string_view path, std::int32_t flags) -> std::int32_t {
    const uhyve::OpenParams params{.name = put(path), .flags = flags, .mode = 0644, .ret = -1000};
    return is_v1() ? call(v1::Hypercall::open, params).ret : call(v2::Hypercall::open, params).ret;
  }

  [[nodiscard]] auto is_v1() const -> bool { return base_ == 0; }

  std::optional<x86_64::PagingState> paging = std::nullopt;
  bool is_stopping = false;

 private:
  testing::TemporaryDirectory directory_;
  std::uint64_t base_;
  GuestMemory memory_;
  GuestFiles files_;
  Serial serial_;
  ArgumentVectors arguments_;
  std::vector<std::string> traced_;
  Hypercalls hypercalls_;
};

auto is_resume(const AccessOutcome& outcome) -> bool {
  return std::holds_alternative<Resume>(outcome);
}

// The reason of the crash, or "".
auto badness(const AccessOutcome& outcome) -> std::string {
  const auto* const bad = std::get_if<GuestFault>(&outcome);
  return bad == nullptr ? "" : bad->reason;
}

struct Ports {
  std::uint32_t interface;
  std::vector<std::uint16_t> known;
};
const std::array kPorts{
    Ports{1, {0x400, 0x440, 0x480, 0x500, 0x540, 0x580, 0x740, 0x780, 0x800, 0x840, 0x880}},
    Ports{2, {0x1010, 0x1020, 0x1030, 0x1040, 0x1050, 0x1100, 0x1110, 0x1120, 0x1130, 0x1140, 0x1150}},
    Ports{3,
          {0x1010, 0x1020, 0x1030, 0x1040, 0x1050, 0x1100, 0x1110, 0x1120, 0x1130, 0x1140, 0x1150, 0x1160, 0x1170,
           0x1180, 0x1190}}};

TEST(Hypercalls, KnowThePortsOfTheirInterface) {
  for (const auto& [interface, known] : kPorts) {
    Monitor monitor{interface};
    for (std::uint32_t port = 0; port <= 0xffff; ++port) {
      const bool is_known = std::ranges::find(known, port) != known.end();
      ASSERT_EQ(monitor.hypercalls().knows(static_cast<std::uint16_t>(port)), is_known) << interface << " " << port;
      ASSERT_EQ(Hypercalls::name({interface}, static_cast<std::uint16_t>(port)).empty(), !is_known);
    }
  }
  EXPECT_EQ(Hypercalls::name({1}, 0x840), "unlink");
  EXPECT_EQ(Hypercalls::name({3}, 0x1180), "fstat");
}

// Whether the argument is a value or a byte, not an address.
auto takes_a_value(std::uint16_t port) -> bool {
  return port == 0x800 || port == 0x1010 || port == 0x1020 || port == 0x1040;
}

TEST(Hypercalls, SurviveParametersOutsideOfTheMemory) {
  for (const auto& [interface, known] : kPorts) {
    Monitor monitor{interface};
    for (const auto port : known) {
      if (takes_a_value(port)) continue;
      std::vector<std::uint64_t> addresses{monitor.end(), monitor.end() - 3, monitor.end() + 1};
      if (interface == 1) {
        addresses.push_back(0xffff'ffff);
      } else {
        addresses.insert(addresses.end(), {0, monitor.base() - 1, kMax, kMax - 3, kMax - monitor.base() + 1});
      }
      for (const auto address : addresses) {
        const auto reason = badness(monitor.raw(port, address));
        EXPECT_NE(reason.find("parameters are at"), std::string::npos) << std::hex << port << " " << address;
      }
    }
  }
}

TEST(Hypercalls, ReadNoParametersThatAreOnlyHalfThere) {
  Monitor monitor{3};
  const auto last = monitor.end() - sizeof(v2::FstatParams);
  EXPECT_TRUE(is_resume(monitor.raw(v2::Hypercall::fstat, last)));
  EXPECT_FALSE(is_resume(monitor.raw(v2::Hypercall::fstat, last + 1)));
}

// With interface 1, a pointer has 32 bits. The rest of the register is ignored.
TEST(Hypercalls, LookAt32BitsByInterface1) {
  Monitor monitor{1};
  ASSERT_TRUE(monitor.memory().write({kParams}, v1::ExitParams{.code = 5}));
  const auto outcome = monitor.raw(v1::Hypercall::exit, 0xdead'beef'0000'0000 | kParams);
  ASSERT_TRUE(std::holds_alternative<GuestExit>(outcome));
  EXPECT_EQ(std::get<GuestExit>(outcome).code, 5);
}

TEST(Hypercalls, Exit) {
  for (const std::int32_t code : {0, 1, 255, 256, -1, INT32_MIN, INT32_MAX}) {
    Monitor first{1};
    ASSERT_TRUE(first.memory().write({kParams}, v1::ExitParams{.code = code}));
    const auto by_first = first.raw(v1::Hypercall::exit, kParams);
    ASSERT_TRUE(std::holds_alternative<GuestExit>(by_first));
    EXPECT_EQ(std::get<GuestExit>(by_first).code, code);

    // Half of the register can have any value.
    Monitor third{3};
    const auto by_third =
        third.raw(v2::Hypercall::exit, std::uint64_t{0xffff'ffff} << 32 | static_cast<std::uint32_t>(code));
    ASSERT_TRUE(std::holds_alternative<GuestExit>(by_third));
    EXPECT_EQ(std::get<GuestExit>(by_third).code, code);
  }
}

TEST(Hypercalls, PrintBytes) {
  Monitor first{1};
  EXPECT_TRUE(is_resume(first.raw(v1::Hypercall::uart, 'H')));
  EXPECT_TRUE(is_resume(first.raw(v1::Hypercall::uart, 0xffff'ff00 | 'i')));
  EXPECT_EQ(first.output(), "Hi");
  Monitor third{3};
  EXPECT_TRUE(is_resume(third.raw(v2::Hypercall::serial_write_byte, 'H')));
  EXPECT_TRUE(is_resume(third.raw(v2::Hypercall::serial_write_byte, kMax << 8 | 'i')));
  EXPECT_EQ(third.output(), "Hi");
}

TEST(Hypercalls, PrintBuffers) {
  Monitor first{1};
  first.call(v1::Hypercall::serial_write_buffer, v1::SerialWriteBufferParams{.buf = first.put("Hello\n"), .len = 6});
  EXPECT_EQ(first.output(), "Hello\n");
  Monitor third{3};
  third.call(v2::Hypercall::serial_write_buffer, v2::SerialWriteBufferParams{.len = 6, .buf = third.put("Hello\n")});
  EXPECT_EQ(third.output(), "Hello\n");
  EXPECT_EQ(third.traced().back(), R"(serial_write_buffer("Hello\n", 6))");
}

// The address of an empty buffer is often invalid: an empty slice of Rust is at 1.
TEST(Hypercalls, PrintNothingFromAnywhere) {
  for (const std::uint64_t address : {std::uint64_t{1}, kMax}) {
    Monitor third{3};
    third.call(v2::Hypercall::serial_write_buffer, v2::SerialWriteBufferParams{.len = 0, .buf = address});
    EXPECT_EQ(third.output(), "");
    EXPECT_EQ(third.call(v2::Hypercall::write, v2::WriteParams{.len = 0, .ret = -9, .buf = address, .fd = 1}).ret, 0);
  }
}

TEST(Hypercalls, PrintNothingOutsideOfTheMemory) {
  for (const auto interface : {1U, 3U}) {
    Monitor monitor{interface};
    struct Case {
      std::uint64_t address;
      std::uint64_t size;
    };
    for (const auto& [address, size] :
         {Case{monitor.end(), 1}, Case{monitor.end() - 1, 2}, Case{monitor.base(), kSize + 1},
          Case{monitor.base(), kMax}, Case{kMax, 1}, Case{kMax, 2}, Case{kMax - kSize, kSize}}) {
      AccessOutcome outcome;
      if (interface == 1) {
        const v1::SerialWriteBufferParams params{.buf = address, .len = size};
        ASSERT_TRUE(monitor.memory().write({monitor.at(kParams)}, params));
        outcome = monitor.raw(v1::Hypercall::serial_write_buffer, monitor.at(kParams));
      } else {
        const v2::SerialWriteBufferParams params{.len = size, .buf = address};
        ASSERT_TRUE(monitor.memory().write({monitor.at(kParams)}, params));
        outcome = monitor.raw(v2::Hypercall::serial_write_buffer, monitor.at(kParams));
      }
      EXPECT_NE(badness(outcome).find("outside of its memory"), std::string::npos)
          << std::hex << address << " " << size;
      EXPECT_EQ(monitor.output(), "");
    }
  }
}

TEST(Hypercalls, OpenReadSeekAndClose) {
  for (const auto interface : {2U, 3U}) {
    Monitor monitor{interface};
    const auto fd = monitor.open("/etc/digits", uhyve::kOpenReadOnly);
    ASSERT_EQ(fd, GuestFiles::kFirstDescriptor);
    const auto read = [&](std::uint64_t size) {
      return monitor
          .call(v2::Hypercall::read, v2::ReadParams{.len = size, .ret = -9, .buf = monitor.at(kBuffer), .fd = fd})
          .ret;
    };
    const auto seek = [&](std::int64_t offset, std::uint32_t whence) {
      return monitor.call(v2::Hypercall::lseek, v2::LseekParams{.offset = offset, .whence = whence, .fd = fd}).offset;
    };
    EXPECT_EQ(read(4), 4);
    EXPECT_EQ(monitor.bytes(kBuffer, 5), std::string_view("0123\0", 5));
    EXPECT_EQ(read(0), 0);
    EXPECT_EQ(seek(-2, uhyve::kSeekCurrent), 2);
    EXPECT_EQ(read(100), 8);
    EXPECT_EQ(monitor.bytes(kBuffer, 8), "23456789");
    EXPECT_EQ(read(100), 0) << "at the end";
    EXPECT_EQ(seek(-1, uhyve::kSeekEnd), 9);
    EXPECT_EQ(seek(5, uhyve::kSeekEnd), 15) << "behind the end is allowed";
    EXPECT_EQ(read(1), 0);
    EXPECT_EQ(seek(-1, uhyve::kSeekSet), -error_of(Errno::inval));
    EXPECT_EQ(seek(INT64_MAX, uhyve::kSeekSet), INT64_MAX);
    EXPECT_EQ(read(1), 0);
    EXPECT_EQ(seek(1, uhyve::kSeekCurrent), -error_of(Errno::overflow));
    EXPECT_EQ(seek(0, 3), -error_of(Errno::inval));
    EXPECT_EQ(seek(0, UINT32_MAX), -error_of(Errno::inval));
    EXPECT_EQ(monitor.call(v2::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -9}).ret, 0);
    EXPECT_EQ(monitor.call(v2::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -9}).ret, -error_of(Errno::badf));
    EXPECT_EQ(read(1), -error_of(Errno::badf));
    EXPECT_EQ(seek(0, uhyve::kSeekSet), -error_of(Errno::badf));
  }
}

TEST(Hypercalls, RefuseBadDescriptors) {
  Monitor monitor{3};
  for (const std::int32_t fd : {-1, 3, 1027, INT32_MIN, INT32_MAX}) {
    const auto badf = -error_of(Errno::badf);
    EXPECT_EQ(monitor.call(v2::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = 0}).ret, badf);
    EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{1, 0, monitor.at(kBuffer), fd}).ret, badf);
    EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{1, 0, monitor.at(kBuffer), fd}).ret, badf);
    EXPECT_EQ(monitor.call(v2::Hypercall::lseek, v2::LseekParams{0, 0, fd}).offset, badf);
    v2::GetdentsParams getdents{.fd = fd, .buf = monitor.at(kBuffer), .len = 100, .tag = {}, .payload = kMax};
    getdents = monitor.call(v2::Hypercall::getdents, getdents);
    EXPECT_EQ(getdents.tag, v2::GetdentsTag::error);
    EXPECT_EQ(getdents.error(), error_of(Errno::badf)) << "positive, in tagged results";
    const v2::FstatParams fstat{.fd = fd, .attr = monitor.at(kBuffer), .tag = {}, .error = 0};
    EXPECT_EQ(monitor.call(v2::Hypercall::fstat, fstat).tag, v2::ResultTag::error);
    EXPECT_EQ(monitor.call(v2::Hypercall::fstat, fstat).error, error_of(Errno::badf));
  }
}

TEST(Hypercalls, KeepTheStandardStreams) {
  Monitor monitor{3};
  for (const std::int32_t fd : {0, 1, 2}) {
    EXPECT_EQ(monitor.call(v2::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -9}).ret, 0);
    EXPECT_EQ(monitor.call(v2::Hypercall::lseek, v2::LseekParams{0, 0, fd}).offset, -error_of(Errno::spipe));
  }
  monitor.put("out");
  EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{3, 0, monitor.at(kText), 1}).ret, 3);
  EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{3, 0, monitor.at(kText), 2}).ret, 3);
  EXPECT_EQ(monitor.output(), "outout");
  EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{3, 0, monitor.at(kText), 0}).ret,
            -error_of(Errno::badf));
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{3, 0, monitor.at(kText), 1}).ret, -error_of(Errno::badf));
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{3, 0, monitor.at(kText), 2}).ret, -error_of(Errno::badf));
}

TEST(Hypercalls, ReadAndWriteInsideTheMemoryOnly) {
  Monitor monitor{3};
  const auto fd = monitor.open("/etc/digits", uhyve::kOpenReadOnly);
  const auto own = monitor.open("/tmp/own", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  ASSERT_GE(own, 0);
  struct Case {
    std::uint64_t address;
    std::uint64_t size;
  };
  for (const auto& [address, size] :
       {Case{monitor.end(), 1}, Case{monitor.end() - 1, 2}, Case{monitor.base() - 1, 2}, Case{monitor.base(), kMax},
        Case{kMax, 1}, Case{kMax, kMax}, Case{0, 1}, Case{monitor.at(1), kMax - monitor.base()}}) {
    const auto fault = -error_of(Errno::fault);
    EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{size, 0, address, fd}).ret, fault);
    EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{size, 0, address, own}).ret, fault);
    EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{size, 0, address, 1}).ret, fault);
    v2::GetdentsParams getdents{.fd = fd, .buf = address, .len = size, .tag = {}, .payload = 0};
    getdents = monitor.call(v2::Hypercall::getdents, getdents);
    EXPECT_EQ(getdents.tag, v2::GetdentsTag::error);
    EXPECT_EQ(getdents.error(), error_of(Errno::fault));
  }
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{1, 0, monitor.end() - 1, fd}).ret, 1);
  EXPECT_EQ(monitor.output(), "");
  // The whole memory is a valid buffer.
  EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{kSize, 0, monitor.base(), own}).ret,
            static_cast<std::int64_t>(kSize));
}

TEST(Hypercalls, KeepFilesThatTheGuestMakes) {
  Monitor monitor{3};
  const auto fd = monitor.open("/tmp/new/file", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  ASSERT_EQ(fd, 3);
  monitor.put("content");
  EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{7, 0, monitor.at(kText), fd}).ret, 7);
  EXPECT_EQ(monitor.call(v2::Hypercall::lseek, v2::LseekParams{0, 0, fd}).offset, 0);
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{100, 0, monitor.at(kBuffer), fd}).ret, 7);
  EXPECT_EQ(monitor.bytes(kBuffer, 7), "content");

  // A file that is opened for reading is not writable.
  const auto reader = monitor.open("/tmp/new/file", uhyve::kOpenReadOnly);
  ASSERT_EQ(reader, 4);
  EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{7, 0, monitor.at(kText), reader}).ret,
            -error_of(Errno::badf));
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{3, 0, monitor.at(kBuffer), reader}).ret, 3);

  // An unlinked file exists until it is closed.
  const auto unlink = [&](std::string_view path) {
    return monitor.call(v2::Hypercall::unlink, uhyve::UnlinkParams{.name = monitor.put(path), .ret = -9}).ret;
  };
  EXPECT_EQ(unlink("/tmp/new/file"), 0);
  EXPECT_EQ(unlink("/tmp/new/file"), -error_of(Errno::noent));
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{100, 0, monitor.at(kBuffer), reader}).ret, 4);
  EXPECT_EQ(monitor.open("/tmp/new/file", uhyve::kOpenReadOnly), -error_of(Errno::noent));
  EXPECT_EQ(unlink("/tmp/new"), -error_of(Errno::isdir));
}

TEST(Hypercalls, RefusePathsThatAreNotUtf8) {
  for (const unsigned interface : {1U, 3U}) {
    Monitor monitor{interface};
    EXPECT_EQ(monitor.open("/caf\xe9", uhyve::kOpenReadWrite | uhyve::kOpenCreate), -error_of(Errno::inval));
    EXPECT_GE(monitor.open("/caf\xc3\xa9", uhyve::kOpenReadWrite | uhyve::kOpenCreate), 0);
  }
}

TEST(Hypercalls, RefuseToOpenWhatPosixRefuses) {
  for (const auto interface : {1U, 2U, 3U}) {
    Monitor monitor{interface};
    constexpr auto kCreate = uhyve::kOpenCreate | uhyve::kOpenReadWrite;
    EXPECT_EQ(monitor.open("/nowhere", uhyve::kOpenReadOnly), -error_of(Errno::noent));
    EXPECT_EQ(monitor.open("", kCreate), -error_of(Errno::noent));
    EXPECT_EQ(monitor.open("/etc/digits", uhyve::kOpenWriteOnly), -error_of(Errno::rofs));
    EXPECT_EQ(monitor.open("/etc/digits", uhyve::kOpenTruncate), -error_of(Errno::rofs));
    EXPECT_EQ(monitor.open("/etc", uhyve::kOpenReadWrite), -error_of(Errno::isdir));
    EXPECT_EQ(monitor.open("/etc/digits/x", kCreate), -error_of(Errno::notdir));
    EXPECT_EQ(monitor.open("/etc/digits", uhyve::kOpenDirectory), -error_of(Errno::notdir));
    EXPECT_EQ(monitor.open("/x", kCreate | uhyve::kOpenDirectory), -error_of(Errno::inval));
    EXPECT_EQ(monitor.open("/etc/digits", kCreate | uhyve::kOpenExclusive), -error_of(Errno::exist));
    EXPECT_EQ(monitor.open("/" + std::string(256, 'n'), kCreate), -error_of(Errno::nametoolong));
    // Unknown flags are ignored.
    EXPECT_GE(monitor.open("/etc/digits", ~uhyve::kOpenFlags), 0);
  }
}

// Makes `call` with each kind of wrong path, and checks its error.
template <class Call>
void expect_wrong_paths_fail(Monitor& monitor, Call call) {
  EXPECT_EQ(call(monitor.end()), error_of(Errno::fault));
  EXPECT_EQ(call(kMax), error_of(Errno::fault));
  if (monitor.base() > 0) {
    EXPECT_EQ(call(0), error_of(Errno::fault));
  }

  // There is no NUL before the end of the memory.
  const auto tail = monitor.memory().span({monitor.end() - 16}, 16).value();
  std::ranges::fill(tail, std::byte{'a'});
  EXPECT_EQ(call(monitor.end() - 16), error_of(Errno::fault));
  std::ranges::fill(tail, std::byte{});

  // There is no NUL within the longest path.
  const auto area = monitor.memory().span({monitor.at(kBuffer)}, 2 * GuestFiles::kMaxPath).value();
  std::ranges::fill(area, std::byte{'a'});
  EXPECT_EQ(call(monitor.at(kBuffer)), error_of(Errno::nametoolong));
}

TEST(Hypercalls, RefuseWrongPaths) {
  for (const auto interface : {1U, 3U}) {
    Monitor monitor{interface};
    const auto is_v1 = interface == 1;
    expect_wrong_paths_fail(monitor, [&](std::uint64_t address) {
      const uhyve::OpenParams params{.name = address, .flags = 0, .mode = 0, .ret = 0};
      return -(is_v1 ? monitor.call(v1::Hypercall::open, params) : monitor.call(v2::Hypercall::open, params)).ret;
    });
    expect_wrong_paths_fail(monitor, [&](std::uint64_t address) {
      const uhyve::UnlinkParams params{.name = address, .ret = 0};
      return -(is_v1 ? monitor.call(v1::Hypercall::unlink, params) : monitor.call(v2::Hypercall::unlink, params)).ret;
    });
  }
  Monitor monitor{3};
  expect_wrong_paths_fail(monitor, [&](std::uint64_t address) {
    const v2::MkdirParams params{.path = address, .len = 100, .tag = {}, .error = 0};
    const auto result = monitor.call(v2::Hypercall::mkdir, params);
    EXPECT_EQ(result.tag, v2::ResultTag::error);
    return result.error;
  });
  expect_wrong_paths_fail(monitor, [&](std::uint64_t address) {
    const v2::StatParams params{.name = address, .kind = {}, .attr = monitor.at(kParams), .tag = {}, .error = 0};
    const auto result = monitor.call(v2::Hypercall::stat, params);
    EXPECT_EQ(result.tag, v2::ResultTag::error);
    return result.error;
  });
}

TEST(Hypercalls, MakeDirectoriesAndListThem) {
  Monitor monitor{3};
  const auto mkdir = [&](std::string_view path) {
    const v2::MkdirParams params{.path = monitor.put(path), .len = path.size() + 1, .tag = {}, .error = -9};
    const auto result = monitor.call(v2::Hypercall::mkdir, params);
    return result.tag == v2::ResultTag::success ? 0 : result.error;
  };
  EXPECT_EQ(mkdir("/dir"), 0);
  EXPECT_EQ(mkdir("/dir"), error_of(Errno::exist));
  EXPECT_EQ(mkdir("/"), error_of(Errno::exist));
  EXPECT_EQ(mkdir("/dir/one"), 0);
  EXPECT_EQ(mkdir("/dir/three"), 0);
  EXPECT_EQ(mkdir("/etc/digits/x"), error_of(Errno::notdir));

  const auto fd = monitor.open("/dir", uhyve::kOpenReadOnly | uhyve::kOpenDirectory);
  ASSERT_GE(fd, 0);
  const auto getdents = [&](std::uint64_t size) {
    const v2::GetdentsParams params{.fd = fd, .buf = monitor.at(kBuffer), .len = size, .tag = {}, .payload = 0};
    return monitor.call(v2::Hypercall::getdents, params);
  };
  const auto too_small = getdents(23);
  EXPECT_EQ(too_small.tag, v2::GetdentsTag::error);
  EXPECT_EQ(too_small.error(), error_of(Errno::inval));
  const auto first = getdents(24);
  ASSERT_EQ(first.tag, v2::GetdentsTag::success);
  EXPECT_EQ(first.payload, 24U);  // 19 + "one" and its NUL, padded
  const auto entry = monitor.memory().read<v2::Dirent>({monitor.at(kBuffer)}).value();
  EXPECT_EQ(entry.d_reclen, 24);
  EXPECT_EQ(entry.d_type, v2::FileType::directory);
  EXPECT_EQ(entry.d_off, 1);
  EXPECT_NE(entry.d_ino, 0U);
  EXPECT_EQ(monitor.bytes(kBuffer + v2::kDirentNameAt, 5), std::string_view("one\0\0", 5));
  const auto second = getdents(1000);
  ASSERT_EQ(second.tag, v2::GetdentsTag::success);
  EXPECT_EQ(second.payload, 32U);
  EXPECT_EQ(monitor.bytes(kBuffer + v2::kDirentNameAt, 6), std::string_view("three\0", 6));
  EXPECT_EQ(getdents(1000).tag, v2::GetdentsTag::end_of_directory);

  // Back to the start.
  EXPECT_EQ(monitor.call(v2::Hypercall::lseek, v2::LseekParams{0, 0, fd}).offset, 0);
  EXPECT_EQ(getdents(1000).payload, 56U);
}

TEST(Hypercalls, TellOfFiles) {
  Monitor monitor{3};
  const auto stat = [&](std::string_view path, v2::StatKind kind) {
    const v2::StatParams params{
        .name = monitor.put(path), .kind = kind, .attr = monitor.at(kBuffer), .tag = {}, .error = 9};
    return monitor.call(v2::Hypercall::stat, params);
  };
  const auto attributes = [&] { return monitor.memory().read<v2::FileAttr>({monitor.at(kBuffer)}).value(); };

  const auto followed = stat("/link", v2::StatKind::stat);
  EXPECT_EQ(followed.tag, v2::ResultTag::success);
  EXPECT_EQ(followed.error, 0);
  EXPECT_EQ(attributes().st_mode, 0100444U) << "a file of the image cannot be written";
  EXPECT_EQ(attributes().st_size, 10);
  EXPECT_EQ(attributes().st_nlink, 1U);
  EXPECT_EQ(attributes().st_blocks, 1);
  EXPECT_EQ(stat("/link", v2::StatKind::lstat).tag, v2::ResultTag::success);
  EXPECT_EQ(attributes().st_mode, 0120777U);
  EXPECT_EQ(attributes().st_size, 11) << "its target has so many bytes";
  EXPECT_EQ(stat("/etc", v2::StatKind::stat).tag, v2::ResultTag::success);
  EXPECT_EQ(attributes().st_mode, 040755U);
  EXPECT_EQ(stat("/dangling", v2::StatKind::lstat).tag, v2::ResultTag::success);
  EXPECT_EQ(stat("/dangling", v2::StatKind::stat).error, error_of(Errno::noent));
  EXPECT_EQ(stat("/", static_cast<v2::StatKind>(2)).error, error_of(Errno::inval));

  const auto fd = monitor.open("/tmp/own", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  EXPECT_EQ(monitor.call(v2::Hypercall::write, v2::WriteParams{5, 0, monitor.at(kText), fd}).ret, 5);
  const auto fstat = [&](std::uint64_t address) {
    return monitor.call(v2::Hypercall::fstat, v2::FstatParams{.fd = fd, .attr = address, .tag = {}, .error = 9});
  };
  EXPECT_EQ(fstat(monitor.at(kBuffer)).tag, v2::ResultTag::success);
  EXPECT_EQ(attributes().st_mode, 0100644U);
  EXPECT_EQ(attributes().st_size, 5);
  EXPECT_EQ(attributes().st_dev, 0U) << "nothing of the host";
  EXPECT_EQ(attributes().st_uid, 0U);
  const auto by_descriptor = attributes().st_ino;
  EXPECT_EQ(stat("/tmp/own", v2::StatKind::stat).tag, v2::ResultTag::success);
  EXPECT_EQ(attributes().st_ino, by_descriptor);

  // Without space for the result.
  for (const auto address : {monitor.end(), monitor.end() - sizeof(v2::FileAttr) + 1, std::uint64_t{0}, kMax}) {
    EXPECT_EQ(fstat(address).tag, v2::ResultTag::error);
    EXPECT_EQ(fstat(address).error, error_of(Errno::fault));
    const v2::StatParams params{.name = monitor.put("/etc"), .kind = {}, .attr = address, .tag = {}, .error = 9};
    EXPECT_EQ(monitor.call(v2::Hypercall::stat, params).error, error_of(Errno::fault));
  }
}

// Every byte that a guest gets was written for it. No byte is old content of this process's memory.
TEST(Hypercalls, ShowNothingOfTheMonitorsMemory) {
  Monitor monitor{3};
  constexpr std::array<std::uint64_t, 4> kPaddings{36, 84, 100, 116};
  const auto expect_zeros = [&](std::string_view what) {
    for (const auto offset : kPaddings) {
      EXPECT_EQ(monitor.bytes(kBuffer + offset, 4), std::string(4, '\0')) << what << ", offset " << offset;
    }
    std::memset(monitor.memory().span({monitor.at(kBuffer)}, sizeof(v2::FileAttr)).value().data(), 0xa5,
                sizeof(v2::FileAttr));
  };
  for (const auto* const path : {"/link", "/etc", "/etc/digits"}) {
    const v2::StatParams params{
        .name = monitor.put(path), .kind = {}, .attr = monitor.at(kBuffer), .tag = {}, .error = 9};
    EXPECT_EQ(monitor.call(v2::Hypercall::stat, params).tag, v2::ResultTag::success);
    expect_zeros(path);
  }
  for (const auto* const path : {"/etc/digits", "/tmp/own"}) {
    const auto fd = monitor.open(path, path[1] == 't' ? uhyve::kOpenReadWrite | uhyve::kOpenCreate : 0);
    const v2::FstatParams params{.fd = fd, .attr = monitor.at(kBuffer), .tag = {}, .error = 9};
    EXPECT_EQ(monitor.call(v2::Hypercall::fstat, params).tag, v2::ResultTag::success);
    expect_zeros(path);
  }
}

TEST(Hypercalls, ReadStandardInput) {
  const testing::InputPipe input{"abcdefgh"};
  Monitor monitor{3};
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{3, 0, monitor.at(kBuffer), 0}).ret, 3);
  EXPECT_EQ(monitor.bytes(kBuffer, 3), "abc");
  EXPECT_EQ(monitor.hypercalls().read_port(0x1040), 'd');
  const v2::SerialReadBufferParams two{.maxlen = 2, .len = 99, .buf = monitor.at(kBuffer)};
  EXPECT_EQ(monitor.call(v2::Hypercall::serial_read_buffer, two).len, 2U);
  EXPECT_EQ(monitor.bytes(kBuffer, 2), "ef");
  // There is no error code. Nothing is read or lost.
  const v2::SerialReadBufferParams nowhere{.maxlen = 2, .len = 99, .buf = monitor.end() - 1};
  EXPECT_EQ(monitor.call(v2::Hypercall::serial_read_buffer, nowhere).len, 0U);
  const v2::SerialReadBufferParams rest{.maxlen = 100, .len = 99, .buf = monitor.at(kBuffer)};
  EXPECT_EQ(monitor.call(v2::Hypercall::serial_read_buffer, rest).len, 2U);
  EXPECT_EQ(monitor.call(v2::Hypercall::serial_read_buffer, rest).len, 0U);
  EXPECT_EQ(monitor.hypercalls().read_port(0x1040), 0);
  EXPECT_EQ(monitor.hypercalls().read_port(0x1010), 0) << "is no port to read from";
  EXPECT_EQ(monitor.call(v2::Hypercall::read, v2::ReadParams{3, 0, monitor.at(kBuffer), 0}).ret, 0) << "at the end";
}

// Page tables that are written manually. New tables follow each other from kTables.
class Tables {
 public:
  explicit Tables(Monitor& monitor) : memory_{monitor.memory()} {
    monitor.paging = x86_64::PagingState{.page_map = {kTables}, .levels = 4};
  }

  // `level` 1 for a page of 4 KiB, 2 for 2 MiB, 3 for 1 GiB.
  void map(std::uint64_t address, std::uint64_t target, int level = 1) {
    std::uint64_t table = kTables;
    for (int i = 4; i > level; --i) {
      const auto entry = entry_of(table, address, i);
      auto value = memory_.read<std::uint64_t>({entry}).value();
      if (value == 0) {
        value = (next_ += kPage) | 1;
        set(entry, value);
      }
      table = value & ~(kPage - 1);
    }
    set(entry_of(table, address, level), target | 1 | (level > 1 ? 0x80 : 0));
  }

  void set(std::uint64_t entry, std::uint64_t value) { ASSERT_TRUE(memory_.write({entry}, value)); }

  static auto entry_of(std::uint64_t table, std::uint64_t address, int level) -> std::uint64_t {
    return table + (address >> (12 + 9 * (level - 1)) & 511) * 8;
  }

 private:
  const GuestMemory& memory_;
  std::uint64_t next_ = kTables;
};

struct V1Files {
  Monitor& monitor;

  [[nodiscard]] auto read(std::int32_t fd, std::uint64_t address, std::uint64_t size) const -> std::int64_t {
    return monitor.call(v1::Hypercall::read, v1::ReadParams{.fd = fd, .buf = address, .len = size, .ret = -99}).ret;
  }
  void write(std::int32_t fd, std::uint64_t address, std::uint64_t size) const {
    monitor.call(v1::Hypercall::write, v1::WriteParams{.fd = fd, .buf = address, .len = size});
  }
  [[nodiscard]] auto seek(std::int32_t fd, std::int64_t offset, std::int32_t whence) const -> std::int64_t {
    return monitor.call(v1::Hypercall::lseek, v1::LseekParams{.fd = fd, .offset = offset, .whence = whence}).offset;
  }
};

constexpr std::uint64_t kVirtual = 0xffff'8000'0000'0000;  // outside the identity mapping

TEST(HypercallsV1, ReachVirtualBuffersPageByPage) {
  Monitor monitor{1};
  Tables tables{monitor};
  // Three consecutive pages for the guest, in another order in the memory.
  tables.map(kVirtual, kBuffer + 4 * kPage);
  tables.map(kVirtual + kPage, kBuffer);
  tables.map(kVirtual + 2 * kPage, kBuffer + 2 * kPage);
  std::string text;
  for (std::size_t i = 0; i < 2 * kPage; ++i) text += static_cast<char>('a' + i % 23);
  const auto content = std::string_view{text};
  monitor.put(content.substr(0, 100), kBuffer + 5 * kPage - 100);
  monitor.put(content.substr(100, kPage), kBuffer);
  monitor.put(content.substr(100 + kPage, 50), kBuffer + 2 * kPage);

  const V1Files files{monitor};
  const auto fd = monitor.open("/tmp/file", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  ASSERT_GE(fd, 3);
  const auto start = kVirtual + kPage - 100;
  files.write(fd, start, 150 + kPage);
  EXPECT_EQ(files.seek(fd, 0, uhyve::kSeekCurrent), static_cast<std::int64_t>(150 + kPage));
  EXPECT_EQ(files.seek(fd, 0, uhyve::kSeekSet), 0);

  // And back to other places.
  tables.map(kVirtual + 0x10 * kPage, kBuffer + 8 * kPage);
  tables.map(kVirtual + 0x11 * kPage, kBuffer + 7 * kPage);
  EXPECT_EQ(files.read(fd, kVirtual + 0x10 * kPage, kPage + 200), static_cast<std::int64_t>(kPage + 150));
  EXPECT_EQ(monitor.bytes(kBuffer + 8 * kPage, kPage), content.substr(0, kPage));
  EXPECT_EQ(monitor.bytes(kBuffer + 7 * kPage, 150), content.substr(kPage, 150));
  EXPECT_EQ(monitor.bytes(kBuffer + 7 * kPage + 150, 1), std::string_view("\0", 1));

  // Also for the console.
  files.write(1, start, 150 + kPage);
  EXPECT_EQ(monitor.output(), content.substr(0, 150 + kPage));
}

TEST(HypercallsV1, ReachMoreThanTheyHandOverAtOnce) {
  Monitor monitor{1};
  Tables tables{monitor};
  // A number of pages that needs several rounds. Every second page of the memory is used.
  constexpr std::uint64_t kPages = 150;
  std::string expected;
  for (std::uint64_t i = 0; i < kPages; ++i) {
    const auto place = 0x100000 + (kPages - i) * 2 * kPage;
    tables.map(kVirtual + i * kPage, place);
    const std::string content(kPage, static_cast<char>('A' + i % 26));
    monitor.put(content, place);
    expected += content;
  }
  const V1Files files{monitor};
  files.write(1, kVirtual, kPages * kPage);
  EXPECT_EQ(monitor.output(), expected);

  const auto fd = monitor.open("/tmp/file", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  files.write(fd, kVirtual, kPages * kPage);
  EXPECT_EQ(files.seek(fd, 0, uhyve::kSeekSet), 0);
  for (std::uint64_t i = 0; i < kPages; ++i) tables.map(kVirtual + i * kPage, 0x300000 + i * kPage);
  EXPECT_EQ(files.read(fd, kVirtual, kPages * kPage), static_cast<std::int64_t>(kPages * kPage));
  EXPECT_EQ(monitor.bytes(0x300000, kPages * kPage), expected);
}

TEST(HypercallsV1, ReachLargePages) {
  Monitor monitor{1};
  Tables tables{monitor};
  tables.map(kVirtual, 0x200000, 2);
  tables.map(kVirtual + 0x200000, 0x400000, 2);
  tables.map(kVirtual + 0x4000'0000, 0, 3);  // 1 GiB, but the guest has only 8 MiB of it
  monitor.put(std::string(100, 'x') + std::string(100, 'y'), 0x400000 - 100);
  const V1Files files{monitor};
  files.write(1, kVirtual + 0x200000 - 100, 200);
  EXPECT_EQ(monitor.output(), std::string(100, 'x') + std::string(100, 'y'));
  files.write(1, kVirtual + 0x4000'0000 + 0x400000 - 100, 200);
  EXPECT_EQ(monitor.output(), std::string(100, 'x') + std::string(100, 'y'));

  const auto fd = monitor.open("/etc/digits", uhyve::kOpenReadOnly);
  EXPECT_EQ(files.read(fd, kVirtual + 0x4000'0000 + kSize - 4, 4), 4);
  EXPECT_EQ(monitor.bytes(kSize - 4, 4), "0123");
  EXPECT_EQ(files.read(fd, kVirtual + 0x4000'0000 + kSize - 4, 5), -error_of(Errno::fault));
  EXPECT_EQ(files.read(fd, kVirtual + 0x4000'0000 + kSize, 1), -error_of(Errno::fault));
}

TEST(HypercallsV1, ReachFiveLevels) {
  Monitor monitor{1};
  Tables tables{monitor};
  tables.map(kVirtual, kBuffer);
  // One more level of tables, as with LA57: bits 48 to 56 select its entry.
  constexpr std::uint64_t kTop = 0xe000;
  constexpr std::uint64_t kFar = 0x00ab'8000'0000'0000;
  ASSERT_TRUE(monitor.memory().write({kTop + (kFar >> 48 & 511) * 8}, kTables | 1));
  monitor.put("five", kBuffer);
  const V1Files files{monitor};
  monitor.paging = x86_64::PagingState{.page_map = {kTop}, .levels = 5};
  files.write(1, kFar, 4);
  EXPECT_EQ(monitor.output(), "five");
  files.write(1, kFar + (std::uint64_t{1} << 48), 4);
  EXPECT_EQ(monitor.output(), "") << "another entry of the topmost table";
}

TEST(HypercallsV1, TellOfFaultsInBuffers) {
  Monitor monitor{1};
  Tables tables{monitor};
  tables.map(kVirtual, kBuffer);
  const V1Files files{monitor};
  const auto fd = monitor.open("/etc/digits", uhyve::kOpenReadOnly);
  // Unmapped pages. A partial read is reported before the error.
  EXPECT_EQ(files.read(fd, kVirtual + kPage, 1), -error_of(Errno::fault));
  EXPECT_EQ(files.read(fd, 0x1234, 1), -error_of(Errno::fault));
  EXPECT_EQ(files.read(fd, kVirtual + kPage - 4, 8), 4);
  EXPECT_EQ(monitor.bytes(kBuffer + kPage - 4, 4), "0123");
  files.write(1, kVirtual + kPage - 4, 8);
  EXPECT_EQ(monitor.output(), "0123");

  // A buffer larger than the memory is invalid, for any first page.
  EXPECT_EQ(files.read(fd, kVirtual + kPage - 4, kMax), -error_of(Errno::fault));
  EXPECT_EQ(files.read(fd, kVirtual + kPage - 4, kSize + 1), -error_of(Errno::fault));
  files.write(1, kVirtual + kPage - 4, kSize + 1);
  EXPECT_EQ(monitor.output(), "");

  // The state of the vCPU is not available.
  monitor.paging = std::nullopt;
  EXPECT_EQ(files.read(fd, kVirtual, 1), -error_of(Errno::fault));
  files.write(1, kVirtual, 4);
  EXPECT_EQ(monitor.output(), "");
}

TEST(HypercallsV1, SurviveAnyPageTables) {
  Monitor monitor{1};
  const V1Files files{monitor};
  const auto fd = monitor.open("/etc/digits", uhyve::kOpenReadOnly);
  const auto fault = -error_of(Errno::fault);
  // The PML4 is outside the memory.
  for (const auto page_map : {kSize, kSize - 4, std::uint64_t{0x000f'ffff'ffff'f000}, kMax - 0xfff}) {
    for (const int levels : {4, 5}) {
      monitor.paging = x86_64::PagingState{.page_map = {page_map}, .levels = levels};
      EXPECT_EQ(files.read(fd, kMax - 8, 8), fault);
      EXPECT_EQ(files.read(fd, 0, 8), fault);
    }
  }

  // A lower table or the page is outside.
  for (int level = 1; level <= 4; ++level) {
    Tables tables{monitor};
    tables.map(kVirtual, kBuffer);
    std::uint64_t table = kTables;
    for (int i = 4; i > level; --i) {
      table = monitor.memory().read<std::uint64_t>({Tables::entry_of(table, kVirtual, i)}).value() & ~(kPage - 1);
    }
    const auto entry = Tables::entry_of(table, kVirtual, level);
    const auto before = monitor.memory().read<std::uint64_t>({entry}).value();
    for (const std::uint64_t bad : {std::uint64_t{0}, before & ~std::uint64_t{1}, kSize | 1, kMax}) {
      tables.set(entry, bad);
      EXPECT_EQ(files.read(fd, kVirtual, 1), fault) << level << std::hex << " " << bad;
    }
    tables.set(entry, before);
    EXPECT_EQ(files.read(fd, kVirtual, 1), 1);
  }
}

TEST(HypercallsV1, FollowTablesThatPointAtThemselves) {
  Monitor monitor{1};
  Tables tables{monitor};
  tables.set(Tables::entry_of(kTables, kMax, 4), kTables | 1);  // 511, as in Hermit
  const V1Files files{monitor};
  const auto fd = monitor.open("/etc/digits", uhyve::kOpenReadOnly);
  // With this entry, the PML4 is an ordinary page.
  EXPECT_EQ(files.read(fd, 0xffff'ffff'ffff'f000 + 0x800, 4), 4);
  EXPECT_EQ(monitor.bytes(kTables + 0x800, 4), "0123");

  // All entries point to this page, so every address is in it. Ends after the maximum that Linux transfers.
  for (std::uint64_t i = 0; i < 512; ++i) tables.set(kTables + i * 8, kTables | 1);
  const auto own = monitor.open("/tmp/own", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  files.write(own, kMax - 10, 100);
  EXPECT_EQ(files.seek(own, 0, uhyve::kSeekCurrent), 100) << "addresses wrap around";
}

TEST(HypercallsV1, StopWritingWhenTheGuestIsToStop) {
  Monitor monitor{1};
  Tables tables{monitor};
  for (std::uint64_t i = 0; i < 512; ++i) tables.set(kTables + i * 8, kTables | 1);
  monitor.is_stopping = true;
  V1Files{monitor}.write(1, 0, kMax);
  EXPECT_EQ(monitor.output(), "");
}

TEST(HypercallsV1, SeekWithOneError) {
  Monitor monitor{1};
  const V1Files files{monitor};
  const auto fd = monitor.open("/etc/digits", uhyve::kOpenReadOnly);
  EXPECT_EQ(files.seek(fd, 3, uhyve::kSeekSet), 3);
  EXPECT_EQ(files.seek(fd, -4, uhyve::kSeekCurrent), -1);
  EXPECT_EQ(files.seek(fd, 0, -1), -1);
  EXPECT_EQ(files.seek(99, 0, uhyve::kSeekSet), -1);
  EXPECT_EQ(files.seek(1, 0, uhyve::kSeekSet), -1);
  EXPECT_EQ(files.seek(fd, INT64_MIN, uhyve::kSeekEnd), -1);
}

TEST(HypercallsV1, CloseAndUnlink) {
  Monitor monitor{1};
  const auto fd = monitor.open("/tmp/file", uhyve::kOpenReadWrite | uhyve::kOpenCreate);
  EXPECT_EQ(monitor.call(v1::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -9}).ret, 0);
  EXPECT_EQ(monitor.call(v1::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -9}).ret, -error_of(Errno::badf));
  const uhyve::UnlinkParams unlink{.name = monitor.put("/tmp/file"), .ret = -9};
  EXPECT_EQ(monitor.call(v1::Hypercall::unlink, unlink).ret, 0);
  EXPECT_EQ(monitor.call(v1::Hypercall::unlink, unlink).ret, -error_of(Errno::noent));
}

TEST(HypercallsV1, ReadStandardInput) {
  const testing::InputPipe input{"abcdef"};
  Monitor monitor{1};
  Tables tables{monitor};
  tables.map(kVirtual, kBuffer);
  tables.map(kVirtual + kPage, kBuffer + 4 * kPage);
  EXPECT_EQ((V1Files{monitor}.read(0, kVirtual + kPage - 3, 100)), 6);
  EXPECT_EQ(monitor.bytes(kBuffer + kPage - 3, 3), "abc");
  EXPECT_EQ(monitor.bytes(kBuffer + 4 * kPage, 3), "def");
  EXPECT_EQ((V1Files{monitor}.read(1, kVirtual, 1)), -error_of(Errno::badf));
}

TEST(HypercallsV1, TraceArgumentsWithoutControlCharacters) {
  Monitor monitor{1, {.arguments = {"\x1b[2J", "two words"}, .environment = {"A=\xc2\x9b"}}};
  const std::uint64_t argv = kBuffer;
  const std::uint64_t envp = kBuffer + 0x100;
  for (const auto place : {argv, argv + 8, envp}) ASSERT_TRUE(monitor.memory().write({place}, kText));
  monitor.call(v1::Hypercall::cmdval, v1::CmdvalParams{.argv = argv, .envp = envp});
  EXPECT_TRUE(monitor.traced().back().ends_with(R"(= ["\x1b[2J", "two words"], ["A=\xc2\x9b"])"))
      << monitor.traced().back();
}

TEST(HypercallsV1, GiveArguments) {
  Monitor monitor{1, {.arguments = {"image", "two words", ""}, .environment = {"A=1", ""}}};
  v1::CmdsizeParams sizes{};
  std::memset(&sizes, 0xff, sizeof sizes);
  sizes = monitor.call(v1::Hypercall::cmdsize, sizes);
  EXPECT_EQ(sizes.argc, 3);
  EXPECT_EQ(sizes.argsz[0], 6);
  EXPECT_EQ(sizes.argsz[1], 10);
  EXPECT_EQ(sizes.argsz[2], 1);
  EXPECT_EQ(sizes.argsz[3], 0);
  EXPECT_EQ(sizes.argsz[127], 0);
  EXPECT_EQ(sizes.envc, 2);
  EXPECT_EQ(sizes.envsz[0], 4);
  EXPECT_EQ(sizes.envsz[1], 1);
  EXPECT_EQ(sizes.envsz[2], 0);

  const std::uint64_t argv = kBuffer;
  const std::uint64_t envp = kBuffer + 0x100;
  for (std::uint64_t i = 0; i < 5; ++i) {
    ASSERT_TRUE(monitor.memory().write({argv + (i < 3 ? i * 8 : 0x100 + (i - 3) * 8)}, kText + i * 0x100));
  }
  std::ranges::fill(monitor.memory().span({kText}, 0x500).value(), std::byte{0xff});
  monitor.call(v1::Hypercall::cmdval, v1::CmdvalParams{.argv = argv, .envp = envp});
  EXPECT_EQ(monitor.bytes(kText, 7), std::string_view("image\0\xff", 7));
  EXPECT_EQ(monitor.bytes(kText + 0x100, 11), std::string_view("two words\0\xff", 11));
  EXPECT_EQ(monitor.bytes(kText + 0x200, 2), std::string_view("\0\xff", 2));
  EXPECT_EQ(monitor.bytes(kText + 0x300, 5), std::string_view("A=1\0\xff", 5));
  EXPECT_EQ(monitor.bytes(kText + 0x400, 2), std::string_view("\0\xff", 2));
}

TEST(HypercallsV1, GiveAsManyArgumentsAsThereCanBe) {
  const std::vector<std::string> words(v1::kMaxArguments, "word");
  Monitor monitor{1, {.arguments = words, .environment = words}};
  const auto sizes = monitor.call(v1::Hypercall::cmdsize, v1::CmdsizeParams{});
  EXPECT_EQ(sizes.argc, 128);
  EXPECT_EQ(sizes.argsz[127], 5);
  EXPECT_EQ(sizes.envsz[127], 5);
}

TEST(HypercallsV1, GiveNoArgumentsOutsideOfTheMemory) {
  Monitor monitor{1, {.arguments = {"image", "word"}, .environment = {"A=1"}}};
  const auto cmdval = [&](std::uint64_t argv, std::uint64_t envp) {
    EXPECT_TRUE(monitor.memory().write({kParams}, v1::CmdvalParams{.argv = argv, .envp = envp}));
    return badness(monitor.raw(v1::Hypercall::cmdval, kParams));
  };
  const std::uint64_t good = kBuffer;
  ASSERT_TRUE(monitor.memory().write({good}, std::uint64_t{kText}));
  ASSERT_TRUE(monitor.memory().write({good + 8}, std::uint64_t{kText}));
  EXPECT_EQ(cmdval(good, good), "");
  for (const auto array : {kSize, kSize - 4, kMax, kMax - 7}) {
    EXPECT_NE(cmdval(array, good), "") << std::hex << array;
    EXPECT_NE(cmdval(good, array), "") << std::hex << array;
  }
  // The second of two strings: half of it is outside, all of it is outside, and the address overflows.
  for (const auto place : {kSize - 4, kSize, kMax, kMax - 2}) {
    ASSERT_TRUE(monitor.memory().write({good + 8}, place));
    EXPECT_NE(cmdval(good, good).find("outside of its memory"), std::string::npos) << std::hex << place;
  }
  ASSERT_TRUE(monitor.memory().write({good + 8}, kSize - 5));
  EXPECT_EQ(cmdval(good, good), "");
}

TEST(Hypercalls, TraceInOneLineEach) {
  Monitor monitor{3};
  const auto name = "a\n\"\x7f" + std::string(100, 'x');
  EXPECT_EQ(monitor.open(name, uhyve::kOpenCreate | uhyve::kOpenWriteOnly | 0x4000), 3);
  EXPECT_EQ(monitor.traced().back().find('\n'), std::string::npos);
  EXPECT_NE(monitor.traced().back().find(R"(open("a\n\"\x7fxxx)"), std::string::npos) << monitor.traced().back();
  EXPECT_NE(monitor.traced().back().find("O_WRONLY|O_CREAT|0x4000"), std::string::npos) << monitor.traced().back();
}

}  // namespace
}  // namespace hermitage::vmm
