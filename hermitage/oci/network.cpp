#include "hermitage/oci/network.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/addr.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "hermitage/base/file_io.hpp"
#include "hermitage/oci/annotations.hpp"
#include "hermitage/oci/passt.hpp"

namespace hermitage::oci {
namespace {

constexpr const char* kTapName = "hermitage0";
constexpr std::size_t kMostNameservers = 2;
constexpr std::string_view kNoPorts = "none";

template <class Value>
using OrError = std::expected<Value, std::string>;

auto refuse(std::string_view what) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{}; the annotation {}=none gives it none", what, kNetworkAnnotation)};
}

auto failure(std::string_view call, int error_number) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("{}: {}", call, std::strerror(error_number))};
}

// `code` is a negative number of libnl.
auto netlink_failure(std::string_view what, int code) -> std::unexpected<std::string> {
  return std::unexpected{fmt::format("netlink: {}: {}", what, ::nl_geterror(code))};
}

// The reason why a guest has no tap.
struct NoTap {
  std::string text;
  bool is_of_host = false;  // the kernel lacks a part, or this user may not use it
};

template <class Number>
auto is_one_of(Number number, std::initializer_list<Number> numbers) -> bool {
  return std::ranges::find(numbers, number) != numbers.end();
}

auto no_tap(std::string_view call, int error_number) -> std::unexpected<NoTap> {
  const bool is_of_host = is_one_of(error_number, {ENOENT, ENODEV, ENXIO, EOPNOTSUPP, EPERM, EACCES});
  return std::unexpected{NoTap{.text = failure(call, error_number).error(), .is_of_host = is_of_host}};
}

// The kernel reports a queue, a filter or an action that it does not have as not found.
auto no_redirection(std::string_view what, int code) -> std::unexpected<NoTap> {
  const bool is_of_host = is_one_of(-code, {NLE_OBJ_NOTFOUND, NLE_OPNOTSUPP, NLE_PERM, NLE_NOACCESS});
  return std::unexpected{NoTap{.text = netlink_failure(what, code).error(), .is_of_host = is_of_host}};
}

template <auto release>
struct Release {
  void operator()(auto* object) const { release(object); }
};
using Socket = std::unique_ptr<nl_sock, Release<::nl_socket_free>>;
using Cache = std::unique_ptr<nl_cache, Release<::nl_cache_free>>;
using Link = std::unique_ptr<rtnl_link, Release<::rtnl_link_put>>;
using Qdisc = std::unique_ptr<rtnl_qdisc, Release<::rtnl_qdisc_put>>;
using Filter = std::unique_ptr<rtnl_cls, Release<::rtnl_cls_put>>;
using Action = std::unique_ptr<rtnl_act, Release<::rtnl_act_put>>;

template <class Object, class Use>
void for_each(nl_cache* cache, const Use& use) {
  for (auto* object = ::nl_cache_get_first(cache); object != nullptr; object = ::nl_cache_get_next(object)) {
    use(reinterpret_cast<Object*>(object));
  }
}

auto text_of(nl_addr* address) -> std::string {
  std::array<char, 64> text{};
  if (address == nullptr) return {};
  ::nl_addr2str(address, text.data(), text.size());
  return text.data();
}

// Without the length of the prefix.
auto host_of(nl_addr* address) -> std::string {
  const auto text = text_of(address);
  return text.substr(0, text.find('/'));
}

// An interface, and the IPv4 address and gateway that it has.
struct Interface {
  int index = 0;
  std::string mac;
  unsigned mtu = 0;
  std::string address = {};
  std::string gateway = {};
};

// The network namespace of the calling thread.
class Namespace {
 public:
  static auto open() -> OrError<Namespace> {
    Socket socket{::nl_socket_alloc()};
    if (!socket) return failure("nl_socket_alloc", ENOMEM);
    if (const int code = ::nl_connect(socket.get(), NETLINK_ROUTE); code < 0) return netlink_failure("connect", code);
    nl_cache* links = nullptr;
    if (const int code = ::rtnl_link_alloc_cache(socket.get(), AF_UNSPEC, &links); code < 0) {
      return netlink_failure("list of interfaces", code);
    }
    return Namespace{std::move(socket), Cache{links}};
  }

  // The interface of the default route, or else the only one with a link; nothing if neither exists.
  [[nodiscard]] auto find_interface() const -> OrError<std::optional<Interface>> {
    Interface found;
    for (const int family : {AF_INET, AF_INET6}) {
      if (auto routed = find_default_route(family, found); !routed) return std::unexpected{routed.error()};
      if (found.index != 0) break;
    }
    if (found.index == 0) found.index = only_interface();
    if (found.index == 0) return std::nullopt;
    auto* const link = ::rtnl_link_get(links_.get(), found.index);
    if (link == nullptr) return std::nullopt;
    const Link held{link};
    found.mac = text_of(::rtnl_link_get_addr(link));
    found.mtu = ::rtnl_link_get_mtu(link);
    if (auto addressed = find_address(found); !addressed) return std::unexpected{addressed.error()};
    return found;
  }

  // Sets the tap up, with the MTU of the interface.
  [[nodiscard]] auto set_up(int tap, unsigned mtu) const -> std::expected<void, NoTap> {
    const Link changes{::rtnl_link_alloc()};
    const Link wanted{::rtnl_link_alloc()};
    ::rtnl_link_set_ifindex(wanted.get(), tap);
    ::rtnl_link_set_flags(changes.get(), IFF_UP);
    ::rtnl_link_set_mtu(changes.get(), mtu);
    if (const int code = ::rtnl_link_change(socket_.get(), wanted.get(), changes.get(), 0); code < 0) {
      return no_redirection("set the tap up", code);
    }
    return {};
  }

  // Whether the tap of a guest exists.
  [[nodiscard]] auto has_tap() const -> bool {
    const Link tap{::rtnl_link_get_by_name(links_.get(), kTapName)};
    return tap != nullptr;
  }

  // Removes that of an earlier container, and its filters, if there are any.
  void remove_redirection(int from) const {
    const Qdisc ingress{::rtnl_qdisc_alloc()};
    ::rtnl_tc_set_ifindex(TC_CAST(ingress.get()), from);
    ::rtnl_tc_set_parent(TC_CAST(ingress.get()), TC_H_INGRESS);
    ::rtnl_qdisc_delete(socket_.get(), ingress.get());
  }

  // Every frame that arrives at the interface `from` leaves at `to`.
  [[nodiscard]] auto redirect(int from, int to) const -> std::expected<void, NoTap> {
    const Qdisc ingress{::rtnl_qdisc_alloc()};
    auto* const traffic = TC_CAST(ingress.get());
    ::rtnl_tc_set_ifindex(traffic, from);
    ::rtnl_tc_set_parent(traffic, TC_H_INGRESS);
    remove_redirection(from);
    ::rtnl_tc_set_handle(traffic, TC_H_MAKE(TC_H_INGRESS, 0));
    ::rtnl_tc_set_kind(traffic, "ingress");
    if (const int code = ::rtnl_qdisc_add(socket_.get(), ingress.get(), NLM_F_CREATE | NLM_F_EXCL); code < 0) {
      return no_redirection("ingress queue", code);
    }
    return add_filter(from, to);
  }

 private:
  Namespace(Socket socket, Cache links) : socket_{std::move(socket)}, links_{std::move(links)} {}

  [[nodiscard]] auto find_default_route(int family, Interface& found) const -> OrError<void> {
    nl_cache* routes = nullptr;
    if (const int code = ::rtnl_route_alloc_cache(socket_.get(), family, 0, &routes); code < 0) {
      return netlink_failure("list of routes", code);
    }
    const Cache held{routes};
    for_each<rtnl_route>(routes, [&](rtnl_route* route) {
      const bool is_default = ::rtnl_route_get_type(route) == RTN_UNICAST &&
                              ::rtnl_route_get_table(route) == RT_TABLE_MAIN &&
                              ::nl_addr_get_prefixlen(::rtnl_route_get_dst(route)) == 0;
      auto* const hop = is_default ? ::rtnl_route_nexthop_n(route, 0) : nullptr;
      if (hop == nullptr || found.index != 0) return;
      found.index = ::rtnl_route_nh_get_ifindex(hop);
      if (family == AF_INET) found.gateway = host_of(::rtnl_route_nh_get_gateway(hop));
    });
    return {};
  }

  [[nodiscard]] auto only_interface() const -> int {
    std::vector<int> indices;
    for_each<rtnl_link>(links_.get(), [&](rtnl_link* link) {
      const auto flags = ::rtnl_link_get_flags(link);
      const bool is_usable = (flags & IFF_UP) != 0 && (flags & IFF_LOOPBACK) == 0 && ::rtnl_link_get_arptype(link) == 1;
      if (is_usable) indices.push_back(::rtnl_link_get_ifindex(link));
    });
    return indices.size() == 1 ? indices.front() : 0;
  }

  [[nodiscard]] auto find_address(Interface& found) const -> OrError<void> {
    nl_cache* addresses = nullptr;
    if (const int code = ::rtnl_addr_alloc_cache(socket_.get(), &addresses); code < 0) {
      return netlink_failure("list of addresses", code);
    }
    const Cache held{addresses};
    for_each<rtnl_addr>(addresses, [&](rtnl_addr* address) {
      const bool fits = ::rtnl_addr_get_ifindex(address) == found.index && ::rtnl_addr_get_family(address) == AF_INET;
      if (!fits || !found.address.empty()) return;
      found.address = fmt::format("{}/{}", host_of(::rtnl_addr_get_local(address)), ::rtnl_addr_get_prefixlen(address));
    });
    return {};
  }

  [[nodiscard]] auto add_filter(int from, int to) const -> std::expected<void, NoTap> {
    const Action action{::rtnl_act_alloc()};
    ::rtnl_tc_set_kind(TC_CAST(action.get()), "mirred");
    ::rtnl_mirred_set_action(action.get(), TCA_EGRESS_REDIR);
    ::rtnl_mirred_set_policy(action.get(), TC_ACT_STOLEN);
    ::rtnl_mirred_set_ifindex(action.get(), static_cast<std::uint32_t>(to));
    const Filter filter{::rtnl_cls_alloc()};
    ::rtnl_tc_set_ifindex(TC_CAST(filter.get()), from);
    ::rtnl_tc_set_parent(TC_CAST(filter.get()), TC_H_MAKE(TC_H_INGRESS, 0));
    ::rtnl_tc_set_kind(TC_CAST(filter.get()), "u32");
    ::rtnl_cls_set_protocol(filter.get(), ETH_P_ALL);
    ::rtnl_cls_set_prio(filter.get(), 1);
    // A mask of 0 matches every frame.
    ::rtnl_u32_add_key_uint32(filter.get(), 0, 0, 0, 0);
    ::rtnl_u32_set_cls_terminal(filter.get());
    if (const int code = ::rtnl_u32_add_action(filter.get(), action.get()); code < 0) {
      return no_redirection("redirection", code);
    }
    if (const int code = ::rtnl_cls_add(socket_.get(), filter.get(), NLM_F_CREATE | NLM_F_EXCL); code < 0) {
      return no_redirection("redirection", code);
    }
    return {};
  }

  Socket socket_;
  Cache links_;
};

struct Tap {
  base::Descriptor descriptor;
  int index = 0;
};

auto make_tap() -> std::expected<Tap, NoTap> {
  Tap tap{.descriptor = base::Descriptor{::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)}};
  if (!tap.descriptor.is_open()) return no_tap("open /dev/net/tun", errno);
  ifreq request{};
  std::strncpy(request.ifr_name, kTapName, sizeof request.ifr_name - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (::ioctl(tap.descriptor.get(), TUNSETIFF, &request) != 0) {
    if (errno == EBUSY) {
      return std::unexpected{NoTap{fmt::format(
          "another Hermit container uses this network, which serves one guest; the annotation {}=passt for all of them "
          "lets them share it",
          kNetworkAnnotation)}};
    }
    return no_tap("TUNSETIFF", errno);
  }
  const base::Descriptor any{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (::ioctl(any.get(), SIOCGIFINDEX, &request) != 0) return no_tap("SIOCGIFINDEX", errno);
  tap.index = request.ifr_ifindex;
  return tap;
}

// Enters the namespace with the calling thread.
auto enter(int name_space) -> OrError<void> {
  if (::setns(name_space, CLONE_NEWNET) != 0) return failure("setns to the container's network", errno);
  return {};
}

// An earlier container with a tap has left a redirection to an interface that does not exist any more.
auto remove_old_redirection() -> OrError<void> {
  const auto network = Namespace::open();
  if (!network) return std::unexpected{network.error()};
  if (network->has_tap()) {
    return std::unexpected{"another Hermit container has taken over the interface of this network; give it passt, too"};
  }
  const auto interface = network->find_interface();
  if (!interface) return std::unexpected{interface.error()};
  if (*interface) network->remove_redirection((*interface)->index);
  return {};
}

// The calling thread is in the container's namespace.
auto connect_by_passt(const NetworkPlan& plan, const std::vector<std::string>& nameservers)
    -> OrError<std::optional<GuestNetwork>> {
  if (!plan.name_space.empty()) {
    if (auto removed = remove_old_redirection(); !removed) return std::unexpected{removed.error()};
  }
  auto socket = start_passt(plan.forwards, nameservers);
  if (!socket) return std::unexpected{socket.error()};
  return GuestNetwork{.link = *std::move(socket)};
}

// The calling thread is in the container's namespace.
auto connect_by_tap() -> std::expected<std::optional<GuestNetwork>, NoTap> {
  // Without the tap, which does not exist yet.
  const auto before = Namespace::open();
  if (!before) return std::unexpected{NoTap{before.error()}};
  auto interface = before->find_interface();
  if (!interface) return std::unexpected{NoTap{interface.error()}};
  if (!*interface) return std::nullopt;
  auto tap = make_tap();
  if (!tap) return std::unexpected{tap.error()};
  if (auto set = before->set_up(tap->index, (*interface)->mtu); !set) return std::unexpected{set.error()};
  for (const auto& [from, to] : {std::pair{(*interface)->index, tap->index}, {tap->index, (*interface)->index}}) {
    if (auto redirected = before->redirect(from, to); !redirected) return std::unexpected{redirected.error()};
  }
  return GuestNetwork{.link = std::move(tap->descriptor),
                      .mac = std::move((*interface)->mac),
                      .mtu = (*interface)->mtu,
                      .address = std::move((*interface)->address),
                      .gateway = std::move((*interface)->gateway)};
}

// Redirects between a tap and the loopback interface of the calling thread's namespace.
auto redirect_loopback() -> std::expected<void, NoTap> {
  constexpr int kLoopback = 1;
  constexpr unsigned kMtu = 1500;
  const auto network = Namespace::open();
  if (!network) return std::unexpected{NoTap{network.error()}};
  const auto tap = make_tap();
  if (!tap) return std::unexpected{tap.error()};
  if (auto set = network->set_up(tap->index, kMtu); !set) return set;
  if (auto redirected = network->redirect(kLoopback, tap->index); !redirected) return redirected;
  return network->redirect(tap->index, kLoopback);
}

// A tap, unless passt suits better and the user has not chosen. The calling thread is in the container's namespace.
auto connect_by_tap_or_passt(const NetworkPlan& plan, const std::vector<std::string>& nameservers)
    -> OrError<std::optional<GuestNetwork>> {
  if (passt_serves_this_network()) {
    if (plan.can_be_passt) return connect_by_passt(plan, nameservers);
    return refuse("other Hermit containers share this network by passt, which a tap would cut off");
  }
  auto by_tap = connect_by_tap();
  if (by_tap) return *std::move(by_tap);
  if (!plan.can_be_passt || !by_tap.error().is_of_host) return std::unexpected{by_tap.error().text};
  auto by_passt = connect_by_passt(plan, nameservers);
  if (by_passt) return by_passt;
  return std::unexpected{fmt::format("{}; {}, which needs no tap", by_tap.error().text, by_passt.error())};
}

// The ports in the annotation.
auto forwards_of(const Json* value) -> OrError<std::vector<base::PortForward>> {
  std::vector<base::PortForward> forwards;
  if (value == nullptr) return forwards;
  if (string_of(value) == kNoPorts) return forwards;
  auto rest = string_of(value) + ',';
  for (auto comma = rest.find(','); comma != std::string::npos; comma = rest.find(',')) {
    const auto forward = base::parse_port_forward(rest.substr(0, comma));
    if (!forward) {
      return std::unexpected{
          fmt::format("annotation {}: '{}': {}", kPublishAnnotation, rest.substr(0, comma), forward.error().message())};
    }
    forwards.push_back(*forward);
    rest.erase(0, comma + 1);
  }
  return forwards;
}

auto is_own_namespace(int name_space) -> bool {
  struct stat own{};
  struct stat other{};
  return ::stat("/proc/self/ns/net", &own) == 0 && ::fstat(name_space, &other) == 0 && own.st_ino == other.st_ino &&
         own.st_dev == other.st_dev;
}

}  // namespace

auto plan_network(const Json& config) -> std::expected<NetworkPlan, std::string> {
  const auto* const wanted = annotation_of(config, kNetworkAnnotation);
  const auto* const ports = annotation_of(config, kPublishAnnotation);
  const auto name = wanted == nullptr ? std::string{ports == nullptr ? "tap" : "passt"} : string_of(wanted);
  const bool is_passt = name == "passt";
  if (!is_passt && name != "none" && name != "tap") {
    return std::unexpected{
        fmt::format("annotation {}: '{}' is none of 'tap', 'passt' and 'none'", kNetworkAnnotation, name)};
  }
  if (ports != nullptr && !is_passt) {
    return std::unexpected{fmt::format("annotation {}: it needs {}=passt", kPublishAnnotation, kNetworkAnnotation)};
  }
  auto forwards = forwards_of(ports);
  if (!forwards) return std::unexpected{forwards.error()};
  if (name == "none") return NetworkPlan{};
  const auto namespaces = elements_of(member(config, {"linux", "namespaces"}));
  const auto find = [&namespaces](std::string_view type) {
    return std::ranges::find_if(namespaces,
                                [type](const Json* one) { return string_of(member(*one, "type")) == type; });
  };
  const auto network = find("network");
  const bool is_hosts = network == namespaces.end();
  if (is_hosts && !is_passt) return refuse("a guest cannot have the host's network");
  NetworkPlan plan{.kind = is_passt ? NetworkPlan::Kind::passt : NetworkPlan::Kind::tap,
                   .can_be_passt = wanted == nullptr,
                   .name_space = is_hosts ? std::string{} : string_of(member(**network, "path")),
                   .forwards = *std::move(forwards)};
  if (is_hosts || !plan.name_space.empty()) return plan;
  if (find("user") != namespaces.end()) {
    return refuse("a guest in a user namespace of its own cannot have a network");
  }
  // The runtime makes a namespace without interfaces.
  return NetworkPlan{};
}

auto nameservers_in(std::string_view resolv_conf) -> std::vector<std::string> {
  constexpr std::string_view kKey = "nameserver";
  constexpr std::string_view kBlanks = " \t\r";
  std::vector<std::string> servers;
  while (!resolv_conf.empty() && servers.size() < kMostNameservers) {
    const auto end = std::min(resolv_conf.find('\n'), resolv_conf.size());
    auto line = resolv_conf.substr(0, end);
    resolv_conf.remove_prefix(std::min(end + 1, resolv_conf.size()));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    const auto start = line.find_first_not_of(kBlanks);
    if (start == 0 || start == std::string_view::npos) continue;
    std::string server{line.substr(start, line.find_first_of(kBlanks, start) - start)};
    in_addr address{};
    if (::inet_pton(AF_INET, server.c_str(), &address) == 1) servers.push_back(std::move(server));
  }
  return servers;
}

auto nameservers_of(const Json& config) -> std::vector<std::string> {
  constexpr std::size_t kMaxSize = 64 << 10;  // bytes
  std::string source;
  for (const auto* const mount : elements_of(member(config, "mounts"))) {
    if (string_of(member(*mount, "destination")) == "/etc/resolv.conf") source = string_of(member(*mount, "source"));
  }
  if (source.empty()) return {};
  const base::Descriptor file{::open(source.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const auto bytes = base::read_all(file.get(), kMaxSize);
  if (!bytes) return {};
  return nameservers_in({reinterpret_cast<const char*>(bytes->data()), bytes->size()});
}

auto GuestNetwork::option_for_snapshot(int descriptor) const -> std::string {
  return mac.empty() ? fmt::format("fd:{}", descriptor) : fmt::format("fd:{},mac={}", descriptor, mac);
}

auto GuestNetwork::option(int descriptor, const std::vector<std::string>& nameservers) const -> std::string {
  auto text = option_for_snapshot(descriptor);
  if (mtu != 0) text += fmt::format(",mtu={}", mtu);
  if (address.empty()) return text;
  text += fmt::format(",ip={}", address);
  if (!gateway.empty()) text += fmt::format(",gw={}", gateway);
  for (const auto& server : nameservers) text += fmt::format(",dns={}", server);
  return text;
}

auto open_network(const NetworkPlan& plan, const std::vector<std::string>& nameservers)
    -> std::expected<std::optional<GuestNetwork>, std::string> {
  if (plan.kind == NetworkPlan::Kind::none) return std::nullopt;
  const bool is_passt = plan.kind == NetworkPlan::Kind::passt;
  if (is_passt && plan.name_space.empty()) return connect_by_passt(plan, nameservers);
  const base::Descriptor name_space{::open(plan.name_space.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!name_space.is_open()) return failure(fmt::format("open {}", plan.name_space), errno);
  if (!is_passt && is_own_namespace(name_space.get())) return refuse("a guest cannot have the host's network");
  // Only this thread enters the namespace: without privileges on the host, there would be no way back.
  OrError<std::optional<GuestNetwork>> result;
  std::thread{[&] {
    const auto entered = enter(name_space.get());
    if (!entered) {
      result = std::unexpected{entered.error()};
    } else {
      result = is_passt ? connect_by_passt(plan, nameservers) : connect_by_tap_or_passt(plan, nameservers);
    }
  }}.join();
  return result;
}

auto try_tap() -> std::expected<void, std::string> {
  std::expected<void, NoTap> result;
  std::thread{[&result] {
    result = ::unshare(CLONE_NEWNET) == 0 ? redirect_loopback() : no_tap("unshare a network namespace", errno);
  }}.join();
  if (!result) return std::unexpected{std::move(result.error().text)};
  return {};
}

}  // namespace hermitage::oci
