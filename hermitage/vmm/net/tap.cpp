#include "hermitage/vmm/net/tap.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hermitage/vmm/net/features.hpp"
#include "hermitage/vmm/net/frame.hpp"

namespace hermitage::vmm::net {
namespace {

constexpr const char* kTunPath = "/dev/net/tun";

// The host accepts all frames of the guest if it accepts incomplete checksums.
constexpr auto kChecksums = feature::kCsum | feature::kGuestCsum;
constexpr auto kSegments = feature::kHostTso4 | feature::kHostTso6 | feature::kHostEcn | feature::kGuestTso4 |
                           feature::kGuestTso6 | feature::kGuestEcn;
constexpr auto kFragments = feature::kHostUfo | feature::kGuestUfo;

// The offloads that the host can leave to the guest: see tun_chr_ioctl() and virtio 1.2, 5.1.3.1.
auto offloads_of(std::uint64_t taken) -> unsigned {
  if ((taken & feature::kGuestCsum) == 0) return 0;
  unsigned offloads = TUN_F_CSUM;
  if ((taken & feature::kGuestTso4) != 0) offloads |= TUN_F_TSO4;
  if ((taken & feature::kGuestTso6) != 0) offloads |= TUN_F_TSO6;
  const bool has_segments = (offloads & (TUN_F_TSO4 | TUN_F_TSO6)) != 0;
  if (has_segments && (taken & feature::kGuestEcn) != 0) offloads |= TUN_F_TSO_ECN;
  if ((taken & feature::kGuestUfo) != 0) offloads |= TUN_F_UFO;
  return offloads;
}

auto set_offloads(int descriptor, unsigned offloads) -> bool {
  return ::ioctl(descriptor, TUNSETOFFLOAD, static_cast<unsigned long>(offloads)) == 0;
}

auto probe_features(int descriptor) -> std::uint64_t {
  for (const auto features : {kChecksums | kSegments | kFragments, kChecksums | kSegments, kChecksums}) {
    if (set_offloads(descriptor, offloads_of(features))) return features;
  }
  return 0;
}

auto request_for(const std::string& name, short flags) -> ifreq {
  ifreq request{};
  std::copy_n(name.data(), std::min(name.size(), sizeof request.ifr_name - 1), std::begin(request.ifr_name));
  request.ifr_flags = flags;
  return request;
}

// A descriptor for ioctl(2) on interfaces.
auto open_socket() -> Descriptor {
  return Descriptor{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
}

auto open_tun() -> Result<Descriptor> {
  Descriptor tun{::open(kTunPath, O_RDWR | O_CLOEXEC | O_NONBLOCK)};
  if (tun.is_open()) return tun;
  const int error_number = errno;
  const auto* const help =
      error_number == ENOENT || error_number == ENODEV ? "; load the kernel's module: modprobe tun" : "";
  return fail(ErrorCode::host_failed, fmt::format("open of {}: {}{}", kTunPath, std::strerror(error_number), help));
}

auto attach_failure(const std::string& name, int error_number) -> std::unexpected<Error> {
  const auto what = fmt::format("TUNSETIFF of {}: {}", name, std::strerror(error_number));
  switch (error_number) {
    case EPERM:
      return fail(ErrorCode::host_failed,
                  fmt::format("{}; the interface is not this user's: ip link del {}; ip tuntap add dev {} mode tap "
                              "user $USER",
                              what, name, name));
    case EBUSY: return fail(ErrorCode::host_failed, fmt::format("{}; another process has this interface open", what));
    case EINVAL:
      return fail(ErrorCode::configuration,
                  fmt::format("{}; it is no tap interface of one queue: ip tuntap add dev NAME mode tap user $USER "
                              "makes one",
                              what));
    default: return fail(ErrorCode::host_failed, what);
  }
}

auto no_such_interface(const std::string& name) -> std::unexpected<Error> {
  return fail(ErrorCode::configuration,
              fmt::format("no interface {}; make it: ip tuntap add dev {} mode tap user $USER && ip link set {} up",
                          name, name, name));
}

}  // namespace

auto Tap::open(const std::string& name) -> Result<std::unique_ptr<Tap>> {
  if (name.empty() || name.size() >= IFNAMSIZ || name.find('%') != std::string::npos) {
    return fail(ErrorCode::configuration, fmt::format("'{}' is no name of an interface: 1 to 15 characters", name));
  }
  const auto socket = open_socket();
  if (!socket.is_open()) return system_failure("socket", errno);
  // TUNSETIFF would create a missing interface.
  auto mtu = request_for(name, 0);
  if (::ioctl(socket.get(), SIOCGIFMTU, &mtu) != 0) {
    if (errno == ENODEV) return no_such_interface(name);
    return system_failure(fmt::format("SIOCGIFMTU of {}", name), errno);
  }
  auto tun = open_tun();
  if (!tun) return std::unexpected{tun.error()};
  auto request = request_for(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  if (::ioctl(tun->get(), TUNSETIFF, &request) != 0) return attach_failure(name, errno);
  return prepare(std::move(*tun), name, static_cast<std::uint16_t>(std::clamp(mtu.ifr_mtu, 0, UINT16_MAX)));
}

auto Tap::make() -> Result<std::unique_ptr<Tap>> {
  auto tun = open_tun();
  if (!tun) return std::unexpected{tun.error()};
  auto request = request_for("", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
  if (::ioctl(tun->get(), TUNSETIFF, &request) != 0) {
    const int error_number = errno;
    const auto* const help =
        error_number == EPERM ? "; have one made, and name it: ip tuntap add dev tap0 mode tap user $USER" : "";
    return fail(ErrorCode::host_failed,
                fmt::format("TUNSETIFF of a new interface: {}{}", std::strerror(error_number), help));
  }
  const std::string name{std::begin(request.ifr_name)};
  const auto socket = open_socket();
  if (!socket.is_open()) return system_failure("socket", errno);
  auto up = request_for(name, IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &up) != 0)
    return system_failure(fmt::format("SIOCSIFFLAGS of {}", name), errno);
  constexpr std::uint16_t kMtuOfNew = 1500;
  return prepare(std::move(*tun), name, kMtuOfNew);
}

auto Tap::adopt(Descriptor descriptor) -> Result<std::unique_ptr<Tap>> {
  ifreq request{};
  if (::ioctl(descriptor.get(), TUNGETIFF, &request) != 0) return system_failure("TUNGETIFF", errno);
  std::string name{std::begin(request.ifr_name)};
  const auto flags = static_cast<unsigned>(request.ifr_flags);
  if ((flags & IFF_TAP) == 0)
    return fail(ErrorCode::configuration, fmt::format("{} is no tap interface, but tun", name));
  if ((flags & IFF_NO_PI) == 0 || (flags & IFF_VNET_HDR) == 0) {
    return fail(ErrorCode::configuration,
                fmt::format("{}: it has to be opened with the flags IFF_NO_PI and IFF_VNET_HDR", name));
  }
  const int status = ::fcntl(descriptor.get(), F_GETFL);
  if (status < 0 || ::fcntl(descriptor.get(), F_SETFL, status | O_NONBLOCK) != 0)
    return system_failure("F_SETFL", errno);
  return prepare(std::move(descriptor), std::move(name), 0);
}

auto Tap::prepare(Descriptor descriptor, std::string name, std::uint16_t mtu) -> Result<std::unique_ptr<Tap>> {
  int header_size = kHeaderSize;
  if (::ioctl(descriptor.get(), TUNSETVNETHDRSZ, &header_size) != 0) {
    return system_failure(fmt::format("TUNSETVNETHDRSZ of {}", name), errno);
  }
  auto tap = std::unique_ptr<Tap>{new Tap{std::move(descriptor), std::move(name), mtu}};
  tap->features_ = probe_features(tap->descriptor());
  if (auto none = tap->set_features(0); !none) return std::unexpected{none.error()};
  return tap;
}

auto Tap::set_features(std::uint64_t taken) -> Result<void> {
  if (set_offloads(descriptor(), offloads_of(taken & features_))) return {};
  return system_failure(fmt::format("TUNSETOFFLOAD of {}", name_), errno);
}

auto Tap::receive(std::span<std::byte> buffer) -> std::expected<std::size_t, Closed> {
  while (true) {
    const auto size = ::read(descriptor(), buffer.data(), buffer.size());
    if (size > static_cast<ssize_t>(kHeaderSize)) {
      write_buffer_count(buffer);
      return std::min(static_cast<std::size_t>(size), buffer.size());
    }
    if (size > 0 || (size < 0 && errno == EINTR)) continue;
    if (size == 0 || errno == EAGAIN) return 0;
    return std::unexpected{Closed{fmt::format("read of {}: {}", name_, std::strerror(errno))}};
  }
}

auto Tap::send(std::span<const iovec> frame) -> std::expected<bool, Closed> {
  if (!is_sendable(size_of(frame))) return true;
  if (frame.size() > kMaxPieces) {
    return send_whole(frame, [this](const iovec& whole) { return send({&whole, 1}); });
  }
  while (::writev(descriptor(), frame.data(), static_cast<int>(frame.size())) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return false;
    if (errno == EBADFD || errno == EBADF || errno == ENODEV) {
      return std::unexpected{Closed{fmt::format("write to {}: {}", name_, std::strerror(errno))}};
    }
    break;  // the interface is down, or the header is invalid: the frame is dropped
  }
  return true;
}

}  // namespace hermitage::vmm::net
