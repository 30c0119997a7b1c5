// Which MAC address an IPv4 address has (RFC 826).
#pragma once

#include <array>
#include <optional>

#include "guests/network/address.hpp"
#include "guests/network/wire.hpp"

namespace guest::network {

inline constexpr std::size_t kArpSize = 28;

struct ArpPacket {
  enum class Operation : std::uint16_t { request = 1, reply = 2 };
  Operation operation;
  MacAddress sender_mac;
  Ipv4Address sender;
  MacAddress target_mac;
  Ipv4Address target;

  // Nothing when it is none for Ethernet and IPv4, or its sender is no host.
  [[nodiscard]] static auto parse(ConstBytes bytes) -> std::optional<ArpPacket>;
  // Precondition: kArpSize bytes.
  void write(Bytes bytes) const;
};

// The neighbours that have told their address, at most so many: a new one takes the place of the oldest.
class ArpTable {
 public:
  static constexpr std::size_t kCapacity = 64;

  void set(Ipv4Address address, const MacAddress& mac);
  [[nodiscard]] auto find(Ipv4Address address) const -> std::optional<MacAddress>;

 private:
  struct Entry {
    Ipv4Address address;  // none: not in use
    MacAddress mac;
  };
  std::array<Entry, kCapacity> entries_{};
  std::size_t next_ = 0;
};

}  // namespace guest::network
