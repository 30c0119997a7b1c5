#include "hermitage/vmm/hypercalls/hypercall_log.hpp"

#include <cstring>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "hermitage/entry/uhyve_interface.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;

using Lines = std::vector<std::string>;

constexpr std::uint64_t kBase = 0x1'0000'0000;
constexpr std::uint64_t kSize = 0x20'0000;
constexpr std::uint64_t kParams = kBase + 0x1000;
constexpr std::uint64_t kPath = kBase + 0x2000;

class HypercallLogTest : public ::testing::Test {
 protected:
  template <class Params>
  void put(const Params& params, std::uint64_t address = kParams) {
    std::memcpy(memory.span({address}, sizeof params).value().data(), &params, sizeof params);
  }
  void put_path(std::string_view path, std::uint64_t address = kPath) {
    std::memcpy(memory.span({address}, path.size()).value().data(), path.data(), path.size());
  }

  // A call that the monitor answers with other parameters.
  template <class Hypercall, class Params>
  void call(Hypercall hypercall, const Params& before, const Params& after) {
    put(before);
    log.begin(std::to_underlying(hypercall), kParams, memory);
    put(after);
    log.end(memory);
  }
  template <class Hypercall>
  void call(Hypercall hypercall, std::uint64_t argument) {
    log.begin(std::to_underlying(hypercall), argument, memory);
    log.end(memory);
  }

  GuestMemory memory = GuestMemory::allocate({kBase}, kSize, {}).value();
  HypercallLog log;
};

TEST_F(HypercallLogTest, ShowsParametersAndResults) {
  put_path(std::string_view{"/etc/hosts\0", 11});
  call(v2::Hypercall::open, uhyve::OpenParams{.name = kPath, .flags = 0, .mode = 0, .ret = 0},
       uhyve::OpenParams{.name = kPath, .flags = 0, .mode = 0, .ret = 3});
  call(v2::Hypercall::read, v2::ReadParams{.len = 100, .ret = 0, .buf = 0x10, .fd = 3},
       v2::ReadParams{.len = 100, .ret = 5, .buf = 0x10, .fd = 3});
  call(v2::Hypercall::lseek, v2::LseekParams{.offset = 7, .whence = 1, .fd = 3},
       v2::LseekParams{.offset = 12, .whence = 1, .fd = 3});
  v2::GetdentsParams list{.fd = 3, .buf = 0x20, .len = 4096, .tag = v2::GetdentsTag::error, .payload = 0};
  list.set_error(20);
  call(v2::Hypercall::getdents, v2::GetdentsParams{.fd = 3, .buf = 0x20, .len = 4096, .tag = {}, .payload = 0}, list);
  const v2::StatParams stat{
      .name = kPath, .kind = v2::StatKind::stat, .attr = 0x30, .tag = v2::ResultTag::success, .error = 0};
  call(v2::Hypercall::stat, stat, stat);
  call(v2::Hypercall::exit, 42);
  EXPECT_EQ(log.lines(memory),
            (Lines{"open(\"/etc/hosts\", O_RDONLY, 0) = 3", "read(3, 0x10, 100) = 5", "lseek(3, …, 1) = 12",
                   "getdents(3, 0x20, 4096) = -20", "stat(\"/etc/hosts\", 0x30) = 0", "exit(42)"}));
}

TEST_F(HypercallLogTest, ShowsThoseOfInterface1) {
  put_path(std::string_view{"a\0", 2});
  call(v1::Hypercall::unlink, uhyve::UnlinkParams{.name = kPath, .ret = 0},
       uhyve::UnlinkParams{.name = kPath, .ret = -2});
  call(v1::Hypercall::read, v1::ReadParams{.fd = 3, .buf = 0x10, .len = 100, .ret = 0},
       v1::ReadParams{.fd = 3, .buf = 0x10, .len = 100, .ret = 5});
  call(v1::Hypercall::cmdsize, kParams);
  put(v1::ExitParams{.code = -1});
  call(v1::Hypercall::exit, kParams);
  EXPECT_EQ(log.lines(memory), (Lines{"unlink(\"a\") = -2", "read(3, 0x10, 100) = 5", "cmdsize()", "exit(-1)"}));
}

TEST_F(HypercallLogTest, ShowsACallThatHasNotReturned) {
  put(v2::ReadParams{.len = 100, .ret = 0, .buf = 0x10, .fd = 0});
  log.begin(std::to_underlying(v2::Hypercall::read), kParams, memory);
  EXPECT_EQ(log.lines(memory), Lines{"read(0, 0x10, 100) = ?"});
}

TEST_F(HypercallLogTest, JoinsConsecutiveBytesOfOutput) {
  for (const char byte : std::string_view{"Hello\n"}) {
    call(v2::Hypercall::serial_write_byte, static_cast<unsigned char>(byte));
  }
  call(v2::Hypercall::exit, 0);
  for (int i = 0; i < 100; ++i) call(v2::Hypercall::serial_write_byte, 'a');
  EXPECT_EQ(log.lines(memory), (Lines{"serial_write_byte(\"Hello\\n\"), 6 bytes", "exit(0)",
                                      "serial_write_byte(\"" + std::string(48, 'a') + "\"…), 100 bytes"}));
}

TEST_F(HypercallLogTest, KeepsTheLast) {
  EXPECT_EQ(log.lines(memory), Lines{});
  for (std::uint64_t code = 0; code < 1000; ++code) call(v2::Hypercall::exit, code);
  const auto lines = log.lines(memory);
  ASSERT_EQ(lines.size(), HypercallLog::kCapacity);
  EXPECT_EQ(lines.front(), "exit(936)");
  EXPECT_EQ(lines.back(), "exit(999)");
}

TEST_F(HypercallLogTest, AcceptsAnyParameters) {
  for (std::uint64_t port = 0; port <= 0x2000; ++port) {
    for (const std::uint64_t argument : {std::uint64_t{0}, kBase, kBase + kSize - 1, kBase + kSize, UINT64_MAX}) {
      log.begin(static_cast<std::uint16_t>(port), argument, memory);
      if (port % 0x100 == 0) {
        for (const auto& line : log.lines(memory)) EXPECT_LE(line.size(), 300U);
      }
      log.end(memory);
    }
  }
  call(v2::Hypercall::stat, UINT64_MAX);
  EXPECT_EQ(log.lines(memory).back(), "port 0x1170, with parameters outside of the memory at 0xffffffffffffffff");
}

// A path can be anywhere, and contain anything.
TEST_F(HypercallLogTest, ShortensAndQuotesPaths) {
  const auto path_at = [&](std::uint64_t address) {
    const uhyve::UnlinkParams params{.name = address, .ret = 0};
    call(v2::Hypercall::unlink, params, params);
    return log.lines(memory).back();
  };
  put_path(std::string_view{"\x1b[2J\0", 5});
  EXPECT_EQ(path_at(kPath), "unlink(\"\\x1b[2J\") = 0");
  put_path(std::string(48, 'b'));
  EXPECT_EQ(path_at(kPath), "unlink(\"" + std::string(48, 'b') + "\"…) = 0");
  put_path("end", kBase + kSize - 3);
  EXPECT_EQ(path_at(kBase + kSize - 3), "unlink(\"end\"…) = 0");
  EXPECT_EQ(path_at(kBase + kSize), "unlink(\"\") = 0");
  EXPECT_EQ(path_at(UINT64_MAX), "unlink(\"\") = 0");
}

}  // namespace
}  // namespace hermitage::vmm
