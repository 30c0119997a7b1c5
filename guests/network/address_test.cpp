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

}  // namespace
}  // namespace guest::network
