// Tests in a separate network namespace.
#pragma once

#include <cstdio>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm::net {

enum class Outcome { passed, failed, no_namespace, no_tun };

// Calls check() in a child process with a separate network namespace, and all capabilities there. Failed expectations
// are printed, and make the child fail.
template <class Check>
auto in_network_namespace(const Check& check) -> Outcome {
  constexpr int kNoNamespace = 77;
  constexpr int kNoTun = 78;
  const auto child = ::fork();
  if (child == 0) {
    if (::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) != 0) ::_exit(kNoNamespace);
    if (!Descriptor{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)}.is_open()) ::_exit(kNoTun);
    check();
    std::fflush(nullptr);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return Outcome::failed;
  switch (WEXITSTATUS(status)) {
    case 0: return Outcome::passed;
    case kNoNamespace: return Outcome::no_namespace;
    case kNoTun: return Outcome::no_tun;
    default: return Outcome::failed;
  }
}

// Sets the result of the calling test: passed, failed or skipped.
#define EXPECT_IN_NETWORK_NAMESPACE(check)                                                 \
  switch (in_network_namespace(check)) {                                                   \
    case Outcome::passed: break;                                                           \
    case Outcome::failed: FAIL() << "in its network namespace, see above";                 \
    case Outcome::no_namespace: GTEST_SKIP() << "unshare makes no network namespace here"; \
    case Outcome::no_tun: GTEST_SKIP() << "/dev/net/tun cannot be opened in a namespace";  \
  }

inline auto interface_request(const std::string& name) -> ifreq {
  ifreq request{};
  name.copy(std::begin(request.ifr_name), IFNAMSIZ - 1);
  return request;
}

inline auto set_interface(const std::string& name, bool is_up) -> bool {
  const Descriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  auto request = interface_request(name);
  request.ifr_flags = is_up ? IFF_UP : 0;
  return ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

// As `ip tuntap add dev NAME mode tap user OWNER` and `ip link set dev NAME mtu MTU up` do.
inline auto make_persistent_tap(const std::string& name, unsigned long owner, int mtu) -> bool {
  const Descriptor tun{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)};
  auto request = interface_request(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(tun.get(), TUNSETIFF, &request) != 0) return false;
  if (::ioctl(tun.get(), TUNSETOWNER, owner) != 0 || ::ioctl(tun.get(), TUNSETPERSIST, 1UL) != 0) return false;
  const Descriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  request = interface_request(name);
  request.ifr_mtu = mtu;
  return ::ioctl(socket.get(), SIOCSIFMTU, &request) == 0 && set_interface(name, true);
}

inline auto remove_interface(const std::string& name) -> bool {
  const Descriptor socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  struct {
    nlmsghdr header;
    ifinfomsg info;
  } request{};
  request.header = {.nlmsg_len = sizeof request,
                    .nlmsg_type = RTM_DELLINK,
                    .nlmsg_flags = NLM_F_REQUEST,
                    .nlmsg_seq = 1,
                    .nlmsg_pid = 0};
  request.info.ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
  return ::send(socket.get(), &request, sizeof request, 0) == sizeof request && ::if_nametoindex(name.c_str()) == 0;
}

}  // namespace hermitage::vmm::net
