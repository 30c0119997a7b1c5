#include "hermitage/oci/network.hpp"

#include <gtest/gtest.h>

#include "testing/temporary_directory.hpp"

namespace hermitage::oci {
namespace {

using Strings = std::vector<std::string>;

auto config(const std::string& namespaces, const std::string& annotations = "null") -> Json {
  return *parse_json(R"({"annotations":)" + annotations + R"(,"linux":{"namespaces":)" + namespaces + "}}");
}

auto planned(const Json& from) -> std::string {
  const auto plan = plan_network(from);
  return plan ? "in '" + plan->name_space + "'" : plan.error();
}

TEST(NetworkPlan, IsTheContainers) {
  EXPECT_EQ(planned(config(R"([{"type":"pid"},{"type":"network"}])")), "in ''");
  EXPECT_EQ(planned(config(R"([{"type":"network","path":"/run/netns/x"}])")), "in '/run/netns/x'");
  EXPECT_EQ(planned(config(R"([{"type":"network","path":"/x"},{"type":"user"}])")), "in '/x'");
  EXPECT_EQ(planned(config(R"([{"type":"network","path":"/x"}])", R"({"org.hermitage.network":"tap"})")), "in '/x'");
}

TEST(NetworkPlan, IsRefusedWhereTheGuestWouldHaveNone) {
  const std::string rest = "; the annotation org.hermitage.network=none gives it none";
  EXPECT_EQ(planned(config("[]")), "a guest cannot have the host's network" + rest);
  EXPECT_EQ(planned(config("7")), "a guest cannot have the host's network" + rest);
  EXPECT_EQ(planned(config(R"([{"type":"network"},{"type":"user"}])")),
            "a guest in a user namespace of its own cannot have a network" + rest);
}

TEST(NetworkPlan, MayBeNone) {
  EXPECT_EQ(planned(config("[]", R"({"org.hermitage.network":"none"})")), "in ''");
  EXPECT_EQ(planned(config("[]", R"({"org.hermitage.network":"macvtap"})")),
            "annotation org.hermitage.network: 'macvtap' is neither 'tap' nor 'none'");
  EXPECT_EQ(planned(config("[]", R"({"org.hermitage.network":7})")),
            "annotation org.hermitage.network: '' is neither 'tap' nor 'none'");
}

TEST(Nameservers, AreIpv4) {
  EXPECT_EQ(nameservers_in("# x\nsearch a\nnameserver 10.0.0.1\n nameserver 10.0.0.9\nnameserver\t::1\n"
                           "nameserver  10.0.0.2 # y\r\nnameserver 10.0.0.3"),
            (Strings{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(nameservers_in("nameserver\nnameserver \nnameservers 1.1.1.1\nnameserver 1.1.1.1.1\nnameserver 8.8.8.8"),
            Strings{"8.8.8.8"});
  EXPECT_EQ(nameservers_in(""), Strings{});
}

TEST(Nameservers, AreThoseOfTheVolume) {
  const hermitage::testing::TemporaryDirectory directory;
  const auto file = directory.write("resolv.conf", "nameserver 10.0.0.1\n");
  Json from = config("[]");
  from["mounts"].push_back({{"destination", "/etc/resolv.conf"}, {"source", file}});
  EXPECT_EQ(nameservers_of(from), Strings{"10.0.0.1"});
  from["mounts"][0]["source"] = "/dev/zero";
  EXPECT_EQ(nameservers_of(from), Strings{});
  EXPECT_EQ(nameservers_of(config("[]")), Strings{});
}

TEST(GuestNetwork, IsAnOptionOfRun) {
  GuestNetwork network{.tap = {}, .mac = "02:00:00:00:00:01", .mtu = 1500};
  EXPECT_EQ(network.option(4, {"10.0.0.1"}), "fd:4,mac=02:00:00:00:00:01,mtu=1500");
  network.address = "10.88.0.5/16";
  EXPECT_EQ(network.option(4, {}), "fd:4,mac=02:00:00:00:00:01,mtu=1500,ip=10.88.0.5/16");
  network.gateway = "10.88.0.1";
  EXPECT_EQ(network.option(4, {"1.1.1.1", "8.8.8.8"}),
            "fd:4,mac=02:00:00:00:00:01,mtu=1500,ip=10.88.0.5/16,gw=10.88.0.1,dns=1.1.1.1,dns=8.8.8.8");
}

TEST(Network, IsNotTheHosts) {
  EXPECT_FALSE(*open_network({}));
  const auto own = open_network({.name_space = "/proc/self/ns/net"});
  ASSERT_FALSE(own);
  EXPECT_TRUE(own.error().starts_with("a guest cannot have the host's network")) << own.error();
  EXPECT_EQ(open_network({.name_space = "/none"}).error(), "open /none: No such file or directory");
}

}  // namespace
}  // namespace hermitage::oci
