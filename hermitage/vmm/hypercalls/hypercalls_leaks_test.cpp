// No uninitialized byte of the monitor's stack or heap reaches the guest.
//
// Two guests make the same calls on the same files. Before each call, the stack below and freed memory are filled, with
// a different byte for each guest. If a call copies uninitialized bytes, the memories of the guests differ.
#include "hermitage/vmm/hypercalls/hypercalls.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <malloc.h>

#include "hermitage/vmm/arch/x86_64/memory_layout.hpp"
#include "hermitage/vmm/hypercalls/hypercalls_testing.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

namespace uhyve = entry::uhyve;
namespace v1 = entry::uhyve::v1;
namespace v2 = entry::uhyve::v2;

constexpr std::uint64_t kSize = std::uint64_t{1} << 20;
constexpr std::uint64_t kParams = testing::kPageTablesEnd;
constexpr std::uint64_t kPath = 0x30000;
constexpr std::uint64_t kBuffer = 0x40000;

// Fills the stack that the next call uses.
[[gnu::noinline]] void fill_stack(unsigned char byte) {
  std::array<unsigned char, 32 * 1024> frames;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::memset(frames.data(), byte, frames.size());
  asm volatile("" : : "r"(frames.data()) : "memory");  // prevents removal of unused stores by the compiler
}

class Guest {
 public:
  Guest(std::uint32_t interface, unsigned char garbage, const std::string& mapped)
      : garbage_{garbage},
        memory_{std::move(GuestMemory::allocate(x86_64::memory_bounds({interface}).start, kSize, {}).value())},
        files_{directory_.path()},
        serial_{std::move(Serial::open(NoOutput{}).value())},
        arguments_{.arguments = {"kernel", "one"}, .environment = {"A=1"}},
        hypercalls_{{interface},
                    {.memory = memory_,
                     .files = files_,
                     .serial = serial_,
                     .arguments = arguments_,
                     .trace = {},
                     .is_stopping = {}}} {
    const auto content = std::make_shared<std::byte[]>(10);
    files_.add_file("/etc/digits", content, 10, 0644);
    files_.add_link("/link", "/etc/digits");
    EXPECT_TRUE(files_.add_mappings({{.host = mapped, .guest = "/m"}}));
    EXPECT_TRUE(testing::write_page_tables(memory_));
  }

  [[nodiscard]] auto at(std::uint64_t offset) const -> GuestAddress { return memory_.base() + offset; }
  [[nodiscard]] auto memory() const -> const GuestMemory& { return memory_; }

  void put(std::string_view path) const {
    const auto room = memory_.span(at(kPath), path.size() + 1).value();
    std::memcpy(room.data(), path.data(), path.size());
    room.back() = {};
  }

  template <class Params>
  auto call(std::uint16_t port, const Params& params) -> Params {
    EXPECT_TRUE(memory_.write(at(kParams), params));
    ::mallopt(M_PERTURB, garbage_);
    fill_stack(garbage_);
    const auto outcome = hypercalls_.call(port, at(kParams).value, [this] { return testing::paging_of(memory_); });
    ::mallopt(M_PERTURB, 0);
    EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
    return memory_.read<Params>(at(kParams)).value();
  }

 private:
  unsigned char garbage_;
  hermitage::testing::TemporaryDirectory directory_;
  GuestMemory memory_;
  GuestFiles files_;
  Serial serial_;
  ArgumentVectors arguments_;
  Hypercalls hypercalls_;
};

class HypercallsLeaks : public ::testing::Test {
 protected:
  explicit HypercallsLeaks(std::uint32_t interface = 3)
      : one_{interface, 0x00, host_.path()}, other_{interface, 0xa5, host_.path()} {
    host_.write("file", "some bytes");
  }

  // Both guests make the call. Returns the parameters of the first one after the call.
  template <class Hypercall, class Params>
  auto call(Hypercall hypercall, const Params& params) -> Params {
    const auto port = static_cast<std::uint16_t>(hypercall);
    const auto answer = one_.call(port, params);
    other_.call(port, params);
    const auto bytes = one_.memory().bytes();
    const auto others = other_.memory().bytes();
    if (std::memcmp(bytes.data(), others.data(), bytes.size()) != 0) {
      ADD_FAILURE() << "hypercall " << std::hex << port << " leaves a byte of the monitor's at the offset "
                    << std::ranges::mismatch(bytes, others).in1 - bytes.begin();
      std::ranges::copy(bytes, others.begin());  // for the next call
    }
    return answer;
  }

  auto path(std::string_view path) -> std::uint64_t {
    one_.put(path);
    other_.put(path);
    return one_.at(kPath).value;
  }
  void put_number(std::uint64_t offset, std::uint64_t number) {
    for (const auto* const guest : {&one_, &other_}) ASSERT_TRUE(guest->memory().write(guest->at(offset), number));
  }
  [[nodiscard]] auto buffer() const -> std::uint64_t { return one_.at(kBuffer).value; }

  auto open(std::string_view name, std::int32_t flags) -> std::int32_t {
    return call(v2::Hypercall::open, uhyve::OpenParams{.name = path(name), .flags = flags, .mode = 0644, .ret = -1000})
        .ret;
  }

 private:
  hermitage::testing::TemporaryDirectory host_;
  Guest one_;
  Guest other_;
};

// Files of the image, the host and the guest, and a missing one.
constexpr std::array kPaths{"/", "/etc", "/etc/digits", "/link", "/m", "/m/file", "/tmp/new", "/none"};

TEST_F(HypercallsLeaks, OfAttributes) {
  for (const auto* const name : {"/", "/etc", "/etc/digits", "/link", "/m", "/m/file", "/none"}) {
    for (const auto kind : {v2::StatKind::stat, v2::StatKind::lstat}) {
      call(v2::Hypercall::stat,
           v2::StatParams{.name = path(name), .kind = kind, .attr = buffer(), .tag = {}, .error = 0});
    }
    const auto fd = open(name, uhyve::kOpenReadOnly);
    call(v2::Hypercall::fstat, v2::FstatParams{.fd = fd, .attr = buffer(), .tag = {}, .error = 0});
  }
}

TEST_F(HypercallsLeaks, OfDirectories) {
  for (const auto* const name : {"/", "/etc", "/m"}) {
    const auto fd = open(name, uhyve::kOpenDirectory);
    ASSERT_GE(fd, GuestFiles::kFirstDescriptor);
    for (const std::uint64_t size : {1U, 24U, 32U, 33U, 200U, 4096U}) {
      call(v2::Hypercall::getdents,
           v2::GetdentsParams{.fd = fd, .buf = buffer(), .len = size, .tag = {}, .payload = 0});
    }
  }
}

TEST_F(HypercallsLeaks, OfFiles) {
  for (const auto* const name : kPaths) {
    const auto fd = open(name, std::string_view{name} == "/tmp/new" ? uhyve::kOpenReadWrite | uhyve::kOpenCreate : 0);
    for (const std::uint64_t size : {0U, 3U, 100U}) {
      call(v2::Hypercall::read, v2::ReadParams{.len = size, .ret = -1000, .buf = buffer(), .fd = fd});
      call(v2::Hypercall::write, v2::WriteParams{.len = size, .ret = -1000, .buf = buffer(), .fd = fd});
    }
    call(v2::Hypercall::lseek, v2::LseekParams{.offset = 1, .whence = 0, .fd = fd});
    call(v2::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -1000});
    call(v2::Hypercall::mkdir, v2::MkdirParams{.path = path(name), .len = 10, .tag = {}, .error = 0});
  }
  call(v2::Hypercall::unlink, uhyve::UnlinkParams{.name = path("/tmp/new"), .ret = -1000});
  call(v2::Hypercall::serial_read_buffer, v2::SerialReadBufferParams{.maxlen = 0, .len = 7, .buf = buffer()});
}

class HypercallsV1Leaks : public HypercallsLeaks {
 protected:
  HypercallsV1Leaks() : HypercallsLeaks{1} {}
};

TEST_F(HypercallsV1Leaks, OfAnyCall) {
  for (const auto* const name : kPaths) {
    const auto fd = call(v1::Hypercall::open,
                         uhyve::OpenParams{.name = path(name), .flags = uhyve::kOpenReadOnly, .mode = 0, .ret = -1000})
                        .ret;
    call(v1::Hypercall::read, v1::ReadParams{.fd = fd, .buf = buffer(), .len = 100, .ret = -1000});
    call(v1::Hypercall::write, v1::WriteParams{.fd = fd, .buf = buffer(), .len = 100});
    call(v1::Hypercall::lseek, v1::LseekParams{.fd = fd, .offset = 1, .whence = 0});
    call(v1::Hypercall::close, uhyve::CloseParams{.fd = fd, .ret = -1000});
  }
  call(v1::Hypercall::cmdsize, v1::CmdsizeParams{});
  // Three pointers to space for the kernel's arguments and environment.
  put_number(kBuffer, buffer() + 0x100);
  put_number(kBuffer + 8, buffer() + 0x200);
  put_number(kBuffer + 0x10, buffer() + 0x300);
  call(v1::Hypercall::cmdval, v1::CmdvalParams{.argv = buffer(), .envp = buffer() + 0x10});
}

}  // namespace
}  // namespace hermitage::vmm
