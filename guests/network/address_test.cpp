#include "guests/network/address.hpp"

#include <gtest/gtest.h>

namespace guest::network {
namespace {

TEST(AddressTest, IsReadAndWritten) {
  EXPECT_EQ(parse_ipv4_address("10.0.5.3"), Ipv4Address{0x0a000503});
  EXPECT_EQ(parse_ipv4_address("255.255.255.255"), kIpv4Broadcast);
  EXPECT_EQ(text_of(Ipv4Address{0x0a000503}).view(), "10.0.5.3");
  EXPECT_EQ(text_of(MacAddress{{0x52, 0x54, 0, 0xab, 0xc, 0xff}}).view(), "52:54:00:ab:0c:ff");
}

TEST(AddressTest, IsRefusedWhenItIsNone) {
  for (const auto* const text : {"", "10", "10.0.5", "10.0.5.", ".10.0.5", "10..0.5", "10.0.5.3.", "10.0.5.3.1",
                                 "10.0.5.256", "10.0.5.0003", "10.0.5.x", "10.0.5.3 ", "-1.0.0.1"}) {
    EXPECT_FALSE(parse_ipv4_address(text)) << text;
  }
}

TEST(AddressTest, HostsAreToldFromOthers) {
  EXPECT_TRUE(Ipv4Address{0x0a000001}.is_host());
  EXPECT_FALSE(Ipv4Address{}.is_host());
  EXPECT_FALSE(Ipv4Address{0x7f000001}.is_host());
  EXPECT_FALSE(Ipv4Address{0xe0000001}.is_host());
  EXPECT_FALSE(kIpv4Broadcast.is_host());
}

TEST(AddressTest, MasksHaveTheirOnesFirst) {
  EXPECT_EQ(mask_of(0), 0);
  EXPECT_EQ(mask_of(1), 0x80000000);
  EXPECT_EQ(mask_of(24), 0xffffff00);
  EXPECT_EQ(mask_of(32), 0xffffffff);
}

constexpr MacAddress kMac{{0x52, 0x54, 0, 0x12, 0x34, 0x56}};
constexpr Ipv6Address kPrefix{{0x20, 0x01, 0x0d, 0xb8}};

TEST(Ipv6AddressTest, ComesFromAMacAddress) {
  EXPECT_EQ(text_of(address_under(kLinkLocalPrefix, kMac)).view(), "fe80:0:0:0:5054:ff:fe12:3456");
  EXPECT_EQ(text_of(address_under(kPrefix, kMac)).view(), "2001:db8:0:0:5054:ff:fe12:3456");
  const auto group = solicited_node_of(address_under(kPrefix, kMac));
  EXPECT_EQ(text_of(group).view(), "ff02:0:0:0:0:1:ff12:3456");
  EXPECT_EQ(mac_of_group(group), (MacAddress{{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}}));
}

TEST(Ipv6AddressTest, TellsKindsApart) {
  EXPECT_TRUE(address_under(kLinkLocalPrefix, kMac).is_link_local());
  EXPECT_TRUE((Ipv6Address{{0xfe, 0xbf}}.is_link_local()));
  EXPECT_FALSE((Ipv6Address{{0xfe, 0xc0}}.is_link_local()));
  EXPECT_FALSE(address_under(kPrefix, kMac).is_link_local());
  EXPECT_TRUE(kAllNodes.is_multicast());
  EXPECT_TRUE(address_under(kPrefix, kMac).is_in(kPrefix));
  EXPECT_FALSE(address_under(kPrefix, kMac).is_in(kLinkLocalPrefix));
}

TEST(IpAddressTest, HoldsBothVersions) {
  const IpAddress ipv4 = Ipv4Address{0x0a000503};
  EXPECT_TRUE(ipv4.is_ipv4());
  EXPECT_EQ(ipv4.ipv4(), Ipv4Address{0x0a000503});
  EXPECT_EQ(text_of(ipv4.ipv6()).view(), "0:0:0:0:0:ffff:a00:503");
  EXPECT_TRUE(ipv4.is_host());
  const IpAddress ipv6 = address_under(kPrefix, kMac);
  EXPECT_FALSE(ipv6.is_ipv4());
  EXPECT_TRUE(ipv6.is_host());
  EXPECT_NE(ipv4, ipv6);
  for (const auto& address : {IpAddress{}, IpAddress{Ipv4Address{}}}) {
    EXPECT_TRUE(address.is_none());
    EXPECT_FALSE(address.is_host());
  }
  auto loopback = Ipv6Address{};
  loopback.bytes[15] = 1;
  for (const auto& address : {IpAddress{kIpv4Broadcast}, IpAddress{kAllNodes}, IpAddress{loopback}}) {
    EXPECT_FALSE(address.is_none());
    EXPECT_FALSE(address.is_host());
  }
}

}  // namespace
}  // namespace guest::network
