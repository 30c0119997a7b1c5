// The MAC addresses of a limited number of neighbours.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "guests/network/address.hpp"

namespace guest::network {

// If it is full, a new neighbour replaces the oldest.
class NeighbourTable {
 public:
  static constexpr std::size_t kCapacity = 64;

  void set(const IpAddress& address, const MacAddress& mac);
  [[nodiscard]] auto find(const IpAddress& address) const -> std::optional<MacAddress>;

 private:
  struct Entry {
    IpAddress address;  // none: unused
    MacAddress mac;
  };
  std::array<Entry, kCapacity> entries_{};
  std::size_t next_ = 0;
};

}  // namespace guest::network
