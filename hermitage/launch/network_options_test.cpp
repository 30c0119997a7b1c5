#include "hermitage/launch/network_options.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::launch {
namespace {

auto spec_with(std::string_view network) -> LaunchSpec {
  return {.network = base::parse_network(network).value()};
}

auto error_of(const LaunchSpec& spec) -> Failure {
  auto network = open_network(spec, {});
  return network ? Failure{} : network.error();
}

TEST(OpenNetwork, IsNone) {
  const auto network = open_network({}, {});
  ASSERT_TRUE(network);
  EXPECT_FALSE(network->has_value());
}

TEST(OpenNetwork, TakesADescriptorAndWritesAFile) {
  const hermitage::testing::TemporaryDirectory directory;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  const base::Descriptor ours{ends[0]};
  const base::Descriptor peer{ends[1]};
  auto spec = spec_with("fd:" + std::to_string(ours.get()) + ",mac=02:00:00:00:00:07,mtu=1400");
  spec.pcap = directory.file("net.pcap");
  auto network = open_network(spec, {});
  ASSERT_TRUE(network) << network.error().text;
  ASSERT_TRUE(*network);
  EXPECT_EQ((*network)->card.mac, (base::MacAddress{2, 0, 0, 0, 0, 7}));
  EXPECT_EQ((*network)->card.mtu, 1400);
  std::vector<std::byte> frame(72);
  const iovec piece{.iov_base = frame.data(), .iov_len = frame.size()};
  EXPECT_EQ((*network)->backend->send({&piece, 1}), true);
  std::array<std::byte, 100> got{};
  EXPECT_EQ(::recv(peer.get(), got.data(), got.size(), MSG_DONTWAIT), 60);
  EXPECT_EQ(::access(spec.pcap.c_str(), F_OK), 0);
}

TEST(OpenNetwork, HasARandomAddressOtherwise) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const base::Descriptor ours{ends[0]};
  const base::Descriptor peer{ends[1]};
  const auto one = open_network(spec_with("fd:" + std::to_string(ours.get())), {});
  const auto other = open_network(spec_with("fd:" + std::to_string(peer.get())), {});
  ASSERT_TRUE(one && other);
  EXPECT_EQ((*one)->card.mac[0], 2);
  EXPECT_NE((*one)->card.mac, (*other)->card.mac);
  EXPECT_EQ((*one)->card.mtu, std::nullopt);
}

TEST(OpenNetwork, SaysWhatIsWrong) {
  EXPECT_EQ(error_of(spec_with("fd:999")).code, Failure::Code::usage);
  EXPECT_EQ(error_of(spec_with("fd:999")).text,
            "fd:999 is not open; the process that starts this one has to leave it open");
  EXPECT_EQ(error_of(spec_with("tap:none0")).code, Failure::Code::usage);
  auto recorded = spec_with("tap,vhost=on");
  recorded.pcap = "frames.pcap";
  EXPECT_EQ(error_of(recorded).text, "--pcap: no frames are seen with vhost=on; leave one out");
}

}  // namespace
}  // namespace hermitage::launch
