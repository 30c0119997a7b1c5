#include "guests/network/neighbour_table.hpp"

namespace guest::network {

void NeighbourTable::set(const IpAddress& address, const MacAddress& mac) {
  for (auto& known : entries_) {
    if (known.address == address) {
      known.mac = mac;
      return;
    }
  }
  entries_[next_] = {.address = address, .mac = mac};
  next_ = (next_ + 1) % entries_.size();
}

auto NeighbourTable::find(const IpAddress& address) const -> std::optional<MacAddress> {
  for (const auto& known : entries_) {
    if (known.address == address) return known.mac;
  }
  return std::nullopt;
}

}  // namespace guest::network
