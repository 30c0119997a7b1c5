#include "hermitage/vmm/net/passt.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/vmm/net/frame_testing.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm::net {
namespace {

using base::PortForward;
using base::Transport;
using std::chrono::milliseconds;

constexpr milliseconds kLimit{10'000};

auto loopback(std::uint16_t port) -> sockaddr_in {
  return {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
}

auto bound_socket(int type, std::uint16_t port) -> Descriptor {
  Descriptor socket{::socket(AF_INET, type | SOCK_CLOEXEC, 0)};
  const auto address = loopback(port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Descriptor{};
  if (type == SOCK_STREAM) ::listen(socket.get(), 1);
  return socket;
}

auto port_of(const Descriptor& socket) -> std::uint16_t {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

// A free port of the host's loopback interface.
auto free_port(int type = SOCK_STREAM) -> std::uint16_t {
  return port_of(bound_socket(type, 0));
}

auto forward(std::uint16_t port, Transport transport = Transport::tcp) -> PortForward {
  return {.address = "127.0.0.1", .host_port = port, .guest_port = 80, .count = 1, .transport = transport};
}

auto is_running(pid_t process) -> bool {
  return ::kill(process, 0) == 0 || errno == EPERM;
}

// Whether the process ends within 5 s.
auto ends(pid_t process) -> bool {
  for (int i = 0; i < 500 && is_running(process); ++i) std::this_thread::sleep_for(milliseconds{10});
  return !is_running(process);
}

auto can_connect(std::uint16_t port) -> bool {
  const Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto address = loopback(port);
  return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// With ThreadSanitizer, a child that cannot execute its program writes the standard output that is buffered.
auto begin(const PasstOptions& options) -> Result<std::unique_ptr<Passt>> {
  std::fflush(stdout);
  auto passt = Passt::start(options);
  if (passt) (*passt)->begin();
  return passt;
}

auto error_of(const PasstOptions& options) -> std::string {
  const auto passt = Passt::start(options);
  return passt ? std::string{} : passt.error().message();
}

// A request for the Ethernet address of an IPv4 address other than the guest's: passt answers all of them.
auto arp_request() -> Bytes {
  Bytes frame(kMinFrame);
  constexpr std::array kRequest{0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01,
                                0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 203,  0,    113,  1};
  std::fill_n(frame.begin(), 6, std::byte{0xff});
  constexpr std::array kSource{0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x08, 0x06};
  std::ranges::transform(kSource, frame.begin() + 6, [](int value) { return static_cast<std::byte>(value); });
  std::ranges::transform(kRequest, frame.begin() + 14, [](int value) { return static_cast<std::byte>(value); });
  return frame;
}

class PasstTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto passt = begin({});
    if (!passt) GTEST_SKIP() << passt.error().message();
    const auto ready = (*passt)->wait_until_ready(kLimit);
    if (!ready) GTEST_SKIP() << ready.error().message();
  }
};

TEST_F(PasstTest, TakesAndAnswersFrames) {
  auto passt = begin({});
  ASSERT_TRUE(passt) << passt.error().message();
  // Before passt is ready.
  EXPECT_EQ(send_frame(**passt, arp_request()), true);
  const auto answer = receive_frame(**passt);
  ASSERT_TRUE(answer);
  ASSERT_GE(answer->size(), 42U);
  EXPECT_EQ((*answer)[21], std::byte{2});
}

TEST_F(PasstTest, ForwardsPortsOnceItIsReady) {
  const auto port = free_port();
  auto passt = begin({.forwards = {forward(port)}});
  ASSERT_TRUE(passt) << passt.error().message();
  ASSERT_TRUE((*passt)->wait_until_ready(kLimit));
  EXPECT_TRUE(can_connect(port));
  // UDP is not forwarded.
  EXPECT_TRUE(bound_socket(SOCK_DGRAM, port).is_open());
}

TEST_F(PasstTest, ForwardsRangesAndUdp) {
  const auto udp = free_port(SOCK_DGRAM);
  const auto tcp = free_port();
  if (tcp > 65000) GTEST_SKIP() << "no range of free ports";
  auto passt = begin(
      {.forwards = {
           forward(udp, Transport::udp),
           {.address = "127.0.0.1", .host_port = tcp, .guest_port = 100, .count = 3, .transport = Transport::tcp}}});
  if (!passt) GTEST_SKIP() << passt.error().message();
  ASSERT_TRUE((*passt)->wait_until_ready(kLimit));
  EXPECT_FALSE(bound_socket(SOCK_DGRAM, udp).is_open());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(can_connect(static_cast<std::uint16_t>(tcp + i))) << i;
}

TEST_F(PasstTest, SaysWhichPortIsTaken) {
  const auto tcp = bound_socket(SOCK_STREAM, 0);
  const auto port = std::to_string(port_of(tcp));
  EXPECT_EQ(error_of({.forwards = {forward(port_of(tcp))}}),
            "bind of 127.0.0.1:" + port + "/tcp: Address already in use; another program has this port");
  auto everywhere = forward(port_of(tcp));
  everywhere.address.clear();
  EXPECT_EQ(error_of({.forwards = {everywhere}}),
            "bind of port " + port + "/tcp: Address already in use; another program has this port");
  const auto udp = bound_socket(SOCK_DGRAM, 0);
  EXPECT_EQ(error_of({.forwards = {forward(port_of(udp), Transport::udp)}}),
            "bind of 127.0.0.1:" + std::to_string(port_of(udp)) +
                "/udp: Address already in use; another program has this port");
  auto range = forward(static_cast<std::uint16_t>(port_of(tcp) - 1));
  range.count = 2;
  EXPECT_NE(error_of({.forwards = {range}}), "");
}

TEST_F(PasstTest, RefusesPortsThatItCannotForward) {
  const auto port = free_port();
  EXPECT_EQ(error_of({.forwards = {forward(port), forward(port)}}),
            "port " + std::to_string(port) +
                "/tcp of the host is forwarded twice; passt forwards it once, for one address or for all");
  EXPECT_EQ(error_of({.forwards = {forward(0)}}), "ports are from 1 to 65535");
  auto range = forward(65535);
  range.count = 2;
  EXPECT_EQ(error_of({.forwards = {range}}), "ports are from 1 to 65535");
  auto name = forward(port);
  name.address = "localhost";
  EXPECT_EQ(error_of({.forwards = {name}}), "'localhost' is neither an IPv4 nor an IPv6 address");
  auto foreign = forward(port);
  foreign.address = "198.51.100.7";
  EXPECT_EQ(error_of({.forwards = {foreign}}), "bind of 198.51.100.7:" + std::to_string(port) +
                                                   "/tcp: Cannot assign requested address; the host does not have this "
                                                   "address");
}

TEST(Passt, SaysThatItIsNotInstalled) {
  EXPECT_EQ(error_of({.forwards = {}, .mtu = 1500, .program = "no-such-passt"}),
            "no-such-passt is not installed; install the package passt");
}

TEST(Passt, SaysWhyItCannotBeExecuted) {
  const hermitage::testing::TemporaryDirectory directory;
  const auto program = directory.write("passt", "no program");
  EXPECT_EQ(error_of({.forwards = {}, .mtu = 1500, .program = program}), program + ": Permission denied");
  ASSERT_EQ(::chmod(program.c_str(), 0700), 0);
  auto passt = begin({.forwards = {}, .mtu = 1500, .program = program});
  ASSERT_TRUE(passt);
  const auto ready = (*passt)->wait_until_ready(kLimit);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().message(), "passt has ended: " + program + ": Exec format error");
}

TEST_F(PasstTest, SaysWhyItHasEnded) {
  auto passt = begin({.forwards = {}, .mtu = 20});
  ASSERT_TRUE(passt);
  const auto ready = (*passt)->wait_until_ready(kLimit);
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().message(), "passt has ended: Invalid MTU: 20");
  EXPECT_EQ(reason_of_receive(**passt), "passt has ended: Invalid MTU: 20");
}

TEST_F(PasstTest, TellsOfItsEnd) {
  auto passt = begin({});
  ASSERT_TRUE(passt);
  ASSERT_TRUE((*passt)->wait_until_ready(kLimit));
  ASSERT_EQ(::kill((*passt)->process(), SIGKILL), 0);
  EXPECT_EQ(reason_of_receive(**passt), "passt has closed the connection");
  EXPECT_FALSE(send_frame(**passt, arp_request()));
}

TEST_F(PasstTest, EndsWithItsOwner) {
  auto passt = begin({});
  ASSERT_TRUE(passt);
  const auto process = (*passt)->process();
  ASSERT_TRUE((*passt)->wait_until_ready(kLimit));
  passt->reset();
  EXPECT_FALSE(is_running(process));
  // There is no zombie.
  EXPECT_EQ(::waitpid(process, nullptr, WNOHANG), -1);
}

TEST_F(PasstTest, WaitsForItsBeginning) {
  const auto port = free_port();
  auto passt = Passt::start({.forwards = {forward(port)}});
  ASSERT_TRUE(passt) << passt.error().message();
  EXPECT_FALSE((*passt)->wait_until_ready(milliseconds{100}));
  EXPECT_FALSE(can_connect(port));
  (*passt)->begin();
  EXPECT_TRUE((*passt)->wait_until_ready(kLimit));
  EXPECT_TRUE(can_connect(port));
}

TEST_F(PasstTest, EndsWithoutABeginning) {
  auto passt = Passt::start({});
  ASSERT_TRUE(passt);
  const auto process = (*passt)->process();
  passt->reset();
  EXPECT_FALSE(is_running(process));
  EXPECT_EQ(::waitpid(process, nullptr, WNOHANG), -1);
}

TEST_F(PasstTest, EndsBeforeItIsReady) {
  auto passt = begin({});
  ASSERT_TRUE(passt);
  const auto process = (*passt)->process();
  passt->reset();
  EXPECT_FALSE(is_running(process));
}

TEST_F(PasstTest, EndsWhenItsOwnerIsKilled) {
  // This process adopts the processes of the child, to see their end.
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const auto child = ::fork();
  if (child == 0) {
    auto passt = begin({});
    const pid_t process = passt && (*passt)->wait_until_ready(kLimit) ? (*passt)->process() : -1;
    std::ignore = ::write(pipe[1], &process, sizeof process);
    ::raise(SIGKILL);
  }
  ::close(pipe[1]);
  pid_t process = -1;
  ASSERT_EQ(::read(pipe[0], &process, sizeof process), static_cast<ssize_t>(sizeof process));
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  ASSERT_GT(process, 0);
  EXPECT_EQ(::waitpid(process, nullptr, 0), process);
  EXPECT_TRUE(ends(process));
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_F(PasstTest, InheritsNothingElse) {
  const int ours = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  auto passt = begin({});
  ASSERT_TRUE(passt);
  ASSERT_TRUE((*passt)->wait_until_ready(kLimit));
  std::array<char, 100> target{};
  const auto link = "/proc/" + std::to_string((*passt)->process()) + "/fd/" + std::to_string(ours);
  const auto size = ::readlink(link.c_str(), target.data(), target.size());
  EXPECT_NE(std::string(target.data(), size < 0 ? 0 : static_cast<std::size_t>(size)), "/dev/null");
  ::close(ours);
}

}  // namespace
}  // namespace hermitage::vmm::net
