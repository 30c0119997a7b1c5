#include "hermitage/oci/network.hpp"

#include <filesystem>
#include <iterator>

#include <fmt/format.h>
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
  if (!plan) return plan.error();
  if (plan->kind == NetworkPlan::Kind::none) return fmt::format("none in '{}'", plan->name_space);
  const auto* const kind = plan->kind == NetworkPlan::Kind::tap ? "tap" : "passt";
  return fmt::format("{}{} in '{}'{}", plan->can_be_passt ? "by default " : "", kind, plan->name_space,
                     plan->forwards.empty() ? "" : " with ports");
}

TEST(NetworkPlan, IsTheContainers) {
  EXPECT_EQ(planned(config(R"([{"type":"pid"},{"type":"network"}])")), "none in ''");
  EXPECT_EQ(planned(config(R"([{"type":"network","path":"/run/netns/x"}])")), "by default tap in '/run/netns/x'");
  EXPECT_EQ(planned(config(R"([{"type":"network","path":"/x"},{"type":"user"}])")), "by default tap in '/x'");
  EXPECT_EQ(planned(config(R"([{"type":"network","path":"/x"}])", R"({"org.hermitage.network":"tap"})")),
            "tap in '/x'");
}

TEST(NetworkPlan, IsRefusedWhereTheGuestWouldHaveNone) {
  const std::string rest = "; the annotation org.hermitage.network=none gives it none";
  EXPECT_EQ(planned(config("[]")), "a guest cannot have the host's network" + rest);
  EXPECT_EQ(planned(config("7")), "a guest cannot have the host's network" + rest);
  EXPECT_EQ(planned(config(R"([{"type":"network"},{"type":"user"}])")),
            "a guest in a user namespace of its own cannot have a network" + rest);
}

TEST(NetworkPlan, MayBeNone) {
  EXPECT_EQ(planned(config("[]", R"({"org.hermitage.network":"none"})")), "none in ''");
  EXPECT_EQ(planned(config("[]", R"({"org.hermitage.network":"macvtap"})")),
            "annotation org.hermitage.network: 'macvtap' is none of 'tap', 'passt' and 'none'");
  EXPECT_EQ(planned(config("[]", R"({"org.hermitage.network":7})")),
            "annotation org.hermitage.network: '' is none of 'tap', 'passt' and 'none'");
}

TEST(NetworkPlan, MayBePasst) {
  const auto* const other = R"([{"type":"network","path":"/x"}])";
  EXPECT_EQ(planned(config("[]", R"({"org.hermitage.network":"passt"})")), "passt in ''") << "the host's network";
  EXPECT_EQ(planned(config(R"([{"type":"network"}])", R"({"org.hermitage.network":"passt"})")), "none in ''");
  const auto publish = [&](const std::string& network, const std::string& ports) {
    return planned(
        config(other, R"({"org.hermitage.network":")" + network + R"(","org.hermitage.publish":)" + ports + "}"));
  };
  EXPECT_EQ(publish("passt", R"("8080:80,127.0.0.1:53:53/udp")"), "passt in '/x' with ports");
  EXPECT_EQ(publish("passt", R"("none")"), "passt in '/x'");
  EXPECT_EQ(planned(config(other, R"({"org.hermitage.publish":"8080:80"})")), "by default passt in '/x' with ports");
  EXPECT_EQ(publish("tap", R"("8080:80")"), "annotation org.hermitage.publish: it needs org.hermitage.network=passt");
  for (const auto* const ports : {R"("")", R"("80:80,")", R"("http")", "7"}) {
    EXPECT_TRUE(publish("passt", ports).starts_with("annotation org.hermitage.publish: '")) << publish("passt", ports);
  }
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
  GuestNetwork network{.link = {}, .mac = "02:00:00:00:00:01", .mtu = 1500};
  EXPECT_EQ(network.option(4, {"10.0.0.1"}), "fd:4,mac=02:00:00:00:00:01,mtu=1500");
  EXPECT_EQ(network.option_for_snapshot(4), "fd:4,mac=02:00:00:00:00:01");
  EXPECT_EQ(GuestNetwork{}.option(4, {"10.0.0.1"}), "fd:4");
  network.address = "10.88.0.5/16";
  EXPECT_EQ(network.option(4, {}), "fd:4,mac=02:00:00:00:00:01,mtu=1500,ip=10.88.0.5/16");
  network.gateway = "10.88.0.1";
  EXPECT_EQ(network.option(4, {"1.1.1.1", "8.8.8.8"}),
            "fd:4,mac=02:00:00:00:00:01,mtu=1500,ip=10.88.0.5/16,gw=10.88.0.1,dns=1.1.1.1,dns=8.8.8.8");
}

TEST(Network, IsNotTheHosts) {
  using enum NetworkPlan::Kind;
  EXPECT_FALSE(*open_network({}, {}));
  const auto own = open_network({.kind = tap, .name_space = "/proc/self/ns/net"}, {});
  ASSERT_FALSE(own);
  EXPECT_TRUE(own.error().starts_with("a guest cannot have the host's network")) << own.error();
  EXPECT_EQ(open_network({.kind = passt, .name_space = "/none"}, {}).error(), "open /none: No such file or directory");
}

TEST(Network, TriesATapElsewhere) {
  const auto links = [] {
    return std::distance(std::filesystem::directory_iterator{"/sys/class/net"}, std::filesystem::directory_iterator{});
  };
  const auto before = links();
  const auto tried = try_tap();
  EXPECT_TRUE(tried || tried.error().contains(": ")) << tried.error();
  EXPECT_EQ(links(), before);
}

}  // namespace
}  // namespace hermitage::oci
