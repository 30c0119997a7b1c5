#include "hermitage/vmm/net/tap.hpp"

#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "hermitage/base/privileges.hpp"
#include "hermitage/vmm/net/features.hpp"
#include "hermitage/vmm/net/frame_testing.hpp"
#include "hermitage/vmm/net/namespace_testing.hpp"

namespace hermitage::vmm::net {
namespace {

constexpr std::uint64_t kChecksums = feature::kCsum | feature::kGuestCsum;

// The host's end of an interface: the guest receives the frames that it sends, and vice versa.
auto host_end(const std::string& name) -> Descriptor {
  Descriptor socket{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL))};
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Descriptor{};
  return socket;
}

// The next test frame: the host sends other frames itself (IPv6).
auto next_of_ours(Backend& backend) -> Bytes {
  while (auto frame = receive_frame(backend)) {
    if (is_ours(*frame)) return *frame;
  }
  return {};
}

auto next_at_host(const Descriptor& socket) -> Bytes {
  while (wait_for(socket.get(), POLLIN)) {
    Bytes frame(kMaxFrame);
    const auto got = ::recv(socket.get(), frame.data(), frame.size(), 0);
    frame.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    if (is_ours(frame)) return frame;
  }
  return {};
}

auto error_of(const Result<std::unique_ptr<Tap>>& tap) -> std::string {
  return tap ? std::string{} : tap.error().message();
}

TEST(Tap, PassesFramesBothWays) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    ASSERT_TRUE(make_persistent_tap("test0", 0, 9000));
    auto tap = Tap::open("test0");
    ASSERT_TRUE(tap) << error_of(tap);
    EXPECT_EQ((*tap)->name(), "test0");
    EXPECT_EQ((*tap)->mtu(), 9000);
    const auto host = host_end("test0");
    ASSERT_TRUE(host.is_open());
    for (const std::size_t size : {kMinFrame, std::size_t{1514}, std::size_t{9014}}) {
      const auto in = ethernet_frame(size, 1);
      ASSERT_EQ(::send(host.get(), in.data(), in.size(), 0), static_cast<ssize_t>(size));
      EXPECT_EQ(next_of_ours(**tap), in);
      const auto out = ethernet_frame(size, 2);
      EXPECT_EQ(send_frame(**tap, out), true);
      // The socket also receives the frames that are sent to the interface.
      while (true) {
        const auto seen = next_at_host(host);
        ASSERT_FALSE(seen.empty());
        if (seen == out) break;
      }
    }
    for (const std::size_t pieces : {2U, 13U, 64U, 65U, 300U}) {
      const auto out = ethernet_frame(1514, static_cast<unsigned>(pieces));
      EXPECT_EQ(send_in_pieces(**tap, with_header(out), pieces), true);
      EXPECT_EQ(next_at_host(host), out);
    }
  });
}

TEST(Tap, DropsWhatNoNetworkTakes) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    ASSERT_TRUE(make_persistent_tap("test0", 0, 1500));
    auto tap = Tap::open("test0");
    ASSERT_TRUE(tap) << error_of(tap);
    EXPECT_EQ((*tap)->send({}), true);
    EXPECT_EQ(send_in_pieces(**tap, Bytes(kHeaderSize), 1), true);
    EXPECT_EQ(send_in_pieces(**tap, Bytes(kHeaderSize + 1), 1), true);
    EXPECT_EQ(send_in_pieces(**tap, Bytes(kMaxFrame + 1), 1), true);
    EXPECT_EQ(send_in_pieces(**tap, Bytes(kMaxFrame, std::byte{0xff}), 300), true);
    ASSERT_TRUE(set_interface("test0", false));
    EXPECT_EQ(send_frame(**tap, ethernet_frame(100, 1)), true);
    Bytes buffer(kMaxFrame);
    while ((*tap)->receive(buffer).value_or(0) > 0) {
    }
    EXPECT_EQ((*tap)->receive(buffer).value_or(1), 0U);
  });
}

TEST(Tap, TakesAndDropsFeatures) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    ASSERT_TRUE(make_persistent_tap("test0", 0, 1500));
    auto tap = Tap::open("test0");
    ASSERT_TRUE(tap) << error_of(tap);
    const auto features = (*tap)->features();
    EXPECT_EQ(features & kChecksums, kChecksums);
    for (std::uint64_t feature = 1; feature != 0; feature <<= 1U) {
      EXPECT_TRUE((*tap)->set_features(feature)) << feature;
      EXPECT_TRUE((*tap)->set_features((features & ~feature))) << feature;
    }
    EXPECT_TRUE((*tap)->set_features(features));
    EXPECT_TRUE((*tap)->set_features(0));
  });
}

TEST(Tap, SaysWhenTheInterfaceIsGone) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    ASSERT_TRUE(make_persistent_tap("test0", 0, 1500));
    auto tap = Tap::open("test0");
    ASSERT_TRUE(tap) << error_of(tap);
    ASSERT_TRUE(remove_interface("test0"));
    EXPECT_EQ(reason_of_receive(**tap), "read of test0: File descriptor in bad state");
    const auto sent = send_frame(**tap, ethernet_frame(100, 1));
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().reason, "write to test0: File descriptor in bad state");
  });
}

TEST(Tap, MakesAnInterfaceThatGoesAway) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    auto tap = Tap::make();
    ASSERT_TRUE(tap) << error_of(tap);
    const auto name = (*tap)->name();
    EXPECT_NE(::if_nametoindex(name.c_str()), 0U);
    const auto host = host_end(name);
    EXPECT_EQ(send_frame(**tap, ethernet_frame(100, 3)), true);
    EXPECT_EQ(next_at_host(host), ethernet_frame(100, 3));
    tap->reset();
    EXPECT_EQ(::if_nametoindex(name.c_str()), 0U);
  });
}

TEST(Tap, SaysWhyItCannotBeOpened) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    EXPECT_EQ(error_of(Tap::open("none0")),
              "no interface none0; make it: ip tuntap add dev none0 mode tap user $USER && ip link set none0 up");
    EXPECT_EQ(error_of(Tap::open("sixteen-bytes-16")),
              "'sixteen-bytes-16' is no name of an interface: 1 to 15 characters");
    EXPECT_EQ(error_of(Tap::open("tap%d")), "'tap%d' is no name of an interface: 1 to 15 characters");
    EXPECT_EQ(error_of(Tap::open("lo")),
              "TUNSETIFF of lo: Invalid argument; it is no tap interface of one queue: ip tuntap add dev NAME mode tap "
              "user $USER makes one");
    ASSERT_TRUE(make_persistent_tap("test0", 4321, 1500));
    const auto first = Tap::open("test0");
    ASSERT_TRUE(first);
    EXPECT_EQ(error_of(Tap::open("test0")),
              "TUNSETIFF of test0: Device or resource busy; another process has this interface open");
  });
}

TEST(Tap, SaysWhoseAnInterfaceIs) {
  EXPECT_IN_NETWORK_NAMESPACE([] {
    ASSERT_TRUE(make_persistent_tap("test0", 4321, 1500));
    ASSERT_EQ(base::drop_capabilities(), nullptr);
    EXPECT_EQ(error_of(Tap::open("test0")),
              "TUNSETIFF of test0: Operation not permitted; the interface is not this user's: ip link del test0; ip "
              "tuntap add dev test0 mode tap user $USER");
    EXPECT_EQ(
        error_of(Tap::make()),
        "TUNSETIFF of a new interface: Operation not permitted; have one made, and name it: ip tuntap add dev tap0 "
        "mode tap user $USER");
  });
}

}  // namespace
}  // namespace hermitage::vmm::net
