// What is written of a network: it is parsed to values within their ranges, or not at all.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hermitage/base/network.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {
  using namespace hermitage::base;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto forward = parse_port_forward(text)) {
    const auto is_right = [&forward](unsigned first) { return first >= 1 && first + forward->count - 1 <= 65535; };
    if (forward->count == 0 || !is_right(forward->host_port) || !is_right(forward->guest_port)) std::abort();
  }
  if (const auto network = parse_network(text)) {
    if (network->mtu && *network->mtu < 68) std::abort();
    if (network->address && (network->address->prefix_length < 1 || network->address->prefix_length > 32)) std::abort();
    if (network->address && network->address->dns.size() > 2) std::abort();
    if (network->mode == NetworkMode::none && *network != NetworkSpec{}) std::abort();
  }
  return 0;
}
