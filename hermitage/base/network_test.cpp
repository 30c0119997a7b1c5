#include "hermitage/base/network.hpp"

#include <gtest/gtest.h>

namespace hermitage::base {
namespace {

auto error_of_forward(std::string_view text) -> std::string {
  const auto parsed = parse_port_forward(text);
  return parsed ? std::string{} : parsed.error().text;
}

auto error_of_network(std::string_view text) -> std::string {
  const auto parsed = parse_network(text);
  return parsed ? std::string{} : parsed.error().text;
}

TEST(ParsePortForward, TakesPortsRangesAndAddresses) {
  EXPECT_EQ(parse_port_forward("8080:80"), (PortForward{"", 8080, 80, 1, Transport::tcp}));
  EXPECT_EQ(parse_port_forward("8080:80/tcp"), (PortForward{"", 8080, 80, 1, Transport::tcp}));
  EXPECT_EQ(parse_port_forward("53:53/udp"), (PortForward{"", 53, 53, 1, Transport::udp}));
  EXPECT_EQ(parse_port_forward("8000-8010:9000-9010"), (PortForward{"", 8000, 9000, 11, Transport::tcp}));
  EXPECT_EQ(parse_port_forward("1-65535:1-65535"), (PortForward{"", 1, 1, 65535, Transport::tcp}));
  EXPECT_EQ(parse_port_forward("127.0.0.1:1:65535/udp"), (PortForward{"127.0.0.1", 1, 65535, 1, Transport::udp}));
  EXPECT_EQ(parse_port_forward("[::1]:80-81:1-2"), (PortForward{"::1", 80, 1, 2, Transport::tcp}));
  EXPECT_EQ(parse_port_forward("[fd00::2:3]:80:1"), (PortForward{"fd00::2:3", 80, 1, 1, Transport::tcp}));
}

TEST(ParsePortForward, SaysWhatIsWrong) {
  const std::string form = "not [ADDRESS:]HOST:GUEST, a port of the host and one of the guest";
  EXPECT_EQ(error_of_forward(""), form);
  EXPECT_EQ(error_of_forward("80"), form);
  EXPECT_EQ(error_of_forward("[::1]:80"), form);
  EXPECT_EQ(error_of_forward("[::1]:1:2:3"), form);
  for (const std::string port :
       {"", "0", "65536", "80x", "+80", " 80", "-", "1-", "-1", "2-1", "1-2-3", "99999999999"}) {
    const auto complaint = "'" + port + "' is neither a port from 1 to 65535 nor a range of such ports";
    EXPECT_EQ(error_of_forward(port + ":1"), complaint);
    EXPECT_EQ(error_of_forward("1:" + port), complaint);
    EXPECT_EQ(error_of_forward("127.0.0.1:" + port + ":1"), complaint);
  }
  EXPECT_EQ(error_of_forward("8000-8010:80"), "a range of 11 ports cannot be forwarded to a range of 1");
  EXPECT_EQ(error_of_forward("80:80/sctp"), "'/sctp' is neither /tcp nor /udp");
  EXPECT_EQ(error_of_forward("80:80/"), "'/' is neither /tcp nor /udp");
  EXPECT_EQ(error_of_forward("localhost:80:80"),
            "'localhost' is neither an IPv4 address nor an IPv6 address in brackets");
  EXPECT_EQ(error_of_forward(":80:80"), "'' is neither an IPv4 address nor an IPv6 address in brackets");
  EXPECT_EQ(error_of_forward("::1:80:80"), "not [ADDRESS:]HOST:GUEST; an IPv6 address must be in brackets");
  EXPECT_EQ(error_of_forward("[::1:80:80"), "an address in brackets must be followed by ]:");
  EXPECT_EQ(error_of_forward("[127.0.0.1]:80:80"), "'127.0.0.1' is not an IPv6 address");
}

TEST(ParseNetwork, TakesEachMode) {
  EXPECT_EQ(parse_network("none"), NetworkSpec{});
  EXPECT_EQ(parse_network("user")->mode, NetworkMode::user);
  EXPECT_EQ(parse_network("tap")->mode, NetworkMode::tap);
  EXPECT_EQ(parse_network("tap")->interface, "");
  EXPECT_EQ(parse_network("tap:tap10")->interface, "tap10");
  EXPECT_EQ(parse_network("fd:7")->mode, NetworkMode::descriptor);
  EXPECT_EQ(parse_network("fd:7")->descriptor, 7);
}

TEST(ParseNetwork, TakesSettings) {
  const auto spec = parse_network(
      "tap:tap0,vhost=off,mac=02:00:00:aB:cd:EF,mtu=9000,ip=10.0.5.3/16,gw=10.0.5.1,dns=9.9.9.9,dns=1.1.1.1");
  ASSERT_TRUE(spec) << spec.error().text;
  EXPECT_EQ(spec->vhost, Vhost::off);
  EXPECT_EQ(spec->mac, (MacAddress{2, 0, 0, 0xab, 0xcd, 0xef}));
  EXPECT_EQ(spec->mtu, 9000);
  ASSERT_TRUE(spec->address);
  EXPECT_EQ(*spec->address, (StaticAddress{{10, 0, 5, 3}, 16, Ipv4Address{10, 0, 5, 1}, {{9, 9, 9, 9}, {1, 1, 1, 1}}}));
  EXPECT_EQ(parse_network("fd:3,ip=10.0.5.3")->address->prefix_length, 24);
  EXPECT_EQ(parse_network("user,mtu=68,mac=02:00:00:00:00:01")->mtu, 68);
  EXPECT_EQ(parse_network("tap,vhost=auto")->vhost, Vhost::automatic);
  EXPECT_EQ(parse_network("tap,vhost=on")->vhost, Vhost::on);
}

TEST(ParseNetwork, SaysWhatIsWrong) {
  EXPECT_EQ(error_of_network(""), "'' is not one of none, user, tap, tap:NAME and fd:N");
  EXPECT_EQ(error_of_network("bridge"), "'bridge' is not one of none, user, tap, tap:NAME and fd:N");
  for (const std::string name : {"", "sixteen-bytes-16", "a/b", "a b", "\x7f"}) {
    EXPECT_EQ(error_of_network("tap:" + name), "'" + name + "' is not a valid interface name (1 to 15 characters)");
  }
  EXPECT_EQ(error_of_network("fd:x"), "'fd:x' does not name a descriptor of 3 or above");
  EXPECT_EQ(error_of_network("fd:2"), "'fd:2' does not name a descriptor of 3 or above");
  EXPECT_EQ(error_of_network("fd:2147483648"), "'fd:2147483648' does not name a descriptor of 3 or above");
  EXPECT_EQ(error_of_network("fd:2"), "'fd:2' does not name a descriptor of 3 or above");
  EXPECT_EQ(error_of_network("none,mtu=1500"), "the network none takes no settings");
  EXPECT_EQ(error_of_network("tap,speed=1"),
            "'speed' is not a setting of this network; there are vhost= mac= mtu= ip= gw= dns=");
  EXPECT_EQ(error_of_network("tap,"), "'' is not a setting of this network; there are vhost= mac= mtu= ip= gw= dns=");
  EXPECT_EQ(error_of_network("user,ip=10.0.5.3"), "'ip' is not a setting of this network; there are mac= mtu=");
  EXPECT_EQ(error_of_network("tap,mtu"), "'mtu' needs a value: mtu=…");
  EXPECT_EQ(error_of_network("tap,mtu=1500,mtu=1500"), "mtu= is given too many times");
  EXPECT_EQ(error_of_network("tap,mtu=67"), "mtu=67: not a number from 68 to 65535");
  EXPECT_EQ(error_of_network("tap,vhost=yes"), "vhost=yes: not one of auto, on and off");
  for (const std::string mac :
       {"", "02:00:00:00:00", "02-00-00-00-00-01", "02:00:00:00:00:0g", "01:00:00:00:00:01", "00:00:00:00:00:00"}) {
    EXPECT_EQ(error_of_network("tap,mac=" + mac), "mac=" + mac + ": not an Ethernet address such as 02:00:00:00:00:01");
  }
  for (const std::string ip : {"", "10.0.5", "10.0.5.3/", "10.0.5.3/0", "10.0.5.3/33", "::1", "10.0.5.300"}) {
    EXPECT_EQ(error_of_network("tap,ip=" + ip), "ip=" + ip + ": not an IPv4 address such as 10.0.5.3/24");
  }
  EXPECT_EQ(error_of_network("tap,gw=10.0.5.1"), "gw= and dns= require ip=");
  EXPECT_EQ(error_of_network("tap,dns=9.9.9.9"), "gw= and dns= require ip=");
  EXPECT_EQ(error_of_network("tap,ip=10.0.5.3,dns=1.1.1.1,dns=1.1.1.1,dns=1.1.1.1"), "dns= is given too many times");
}

TEST(Network, WritesAddresses) {
  EXPECT_EQ(to_string(Ipv4Address{10, 0, 5, 3}), "10.0.5.3");
  EXPECT_EQ(to_string(MacAddress{2, 0, 0, 0xab, 0xcd, 0xef}), "02:00:00:ab:cd:ef");
  EXPECT_EQ(to_string(netmask(24)), "255.255.255.0");
  EXPECT_EQ(to_string(netmask(1)), "128.0.0.0");
  EXPECT_EQ(to_string(netmask(30)), "255.255.255.252");
  EXPECT_EQ(to_string(netmask(32)), "255.255.255.255");
}

TEST(Network, GivesEachStationAnAddressOfItsOwn) {
  const auto one = random_mac();
  const auto other = random_mac();
  ASSERT_TRUE(one && other);
  EXPECT_NE(*one, *other);
  EXPECT_EQ(one->front(), 2U) << "locally administered, of one station";
}

}  // namespace
}  // namespace hermitage::base
