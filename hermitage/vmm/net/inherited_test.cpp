#include "hermitage/vmm/net/inherited.hpp"

#include <array>
#include <string>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "hermitage/vmm/net/frame_testing.hpp"
#include "hermitage/vmm/net/namespace_testing.hpp"

namespace hermitage::vmm::net {
namespace {

auto error_of(int number) -> std::string {
  const auto backend = open_inherited(number);
  return backend ? std::string{} : backend.error().message();
}

auto tun_with(const std::string& name, int flags) -> int {
  const int tun = ::open("/dev/net/tun", O_RDWR);
  auto request = interface_request(name);
  request.ifr_flags = static_cast<short>(flags);
  return ::ioctl(tun, TUNSETIFF, &request) == 0 ? tun : -1;
}

TEST(Inherited, IsASocketOfAnyType) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, type, 0, ends.data()), 0);
    auto ours = open_inherited(ends[0]);
    auto peer = open_inherited(ends[1]);
    ASSERT_TRUE(ours && peer);
    EXPECT_EQ(::fcntl((*ours)->descriptor(), F_GETFD), FD_CLOEXEC);
    EXPECT_EQ(send_frame(**ours, ethernet_frame(200, 1)), true);
    EXPECT_EQ(receive_frame(**peer), ethernet_frame(200, 1));
    if (type == SOCK_DGRAM) continue;
    const auto name = "fd:" + std::to_string(ends[0]);
    ::close(ends[1]);
    peer->reset();
    EXPECT_EQ(reason_of_receive(**ours), name + " has closed the connection");
  }
}

TEST(Inherited, IsATap) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    auto backend = open_inherited(tun_with("test0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR));
    ASSERT_TRUE(backend) << backend.error().message();
    EXPECT_NE((*backend)->features(), 0U);
    Bytes buffer(kMaxFrame);
    EXPECT_EQ((*backend)->receive(buffer).value_or(1), 0U);
    int tun = tun_with("test1", IFF_TAP | IFF_NO_PI);
    EXPECT_EQ(error_of(tun),
              "fd:" + std::to_string(tun) + ": test1: it has to be opened with the flags IFF_NO_PI and IFF_VNET_HDR");
    tun = tun_with("test2", IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
    EXPECT_EQ(error_of(tun), "fd:" + std::to_string(tun) + ": test2 is no tap interface, but tun");
  });
}

TEST(Inherited, SaysWhatItIsInstead) {
  EXPECT_EQ(error_of(999), "fd:999 is not open; the process that starts this one has to leave it open");
  const Descriptor file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
  EXPECT_EQ(error_of(file.get()), "fd:" + std::to_string(file.get()) +
                                      " is neither a tap nor a socket; a tap or a connected socket is expected");
  EXPECT_GE(::fcntl(file.get(), F_GETFD), 0);
  const Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  ASSERT_EQ(::listen(socket.get(), 1), 0);
  EXPECT_EQ(error_of(socket.get()),
            "fd:" + std::to_string(socket.get()) +
                " is a socket that waits for connections; a tap or a connected socket is expected");
}

}  // namespace
}  // namespace hermitage::vmm::net
