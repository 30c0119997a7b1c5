#include "hermitage/base/passt_options.hpp"

namespace hermitage::base {
namespace {

auto range(unsigned first, unsigned count) -> std::string {
  return std::to_string(first) + '-' + std::to_string(first + count - 1);
}

auto specification_of(const PortForward& forward) -> std::string {
  const auto prefix = forward.address.empty() ? std::string{} : forward.address + '/';
  return prefix + range(forward.host_port, forward.count) + ':' + range(forward.guest_port, forward.count);
}

}  // namespace

auto passt_port_options(const std::vector<PortForward>& forwards) -> std::vector<std::string> {
  std::vector<std::string> options;
  for (const auto transport : {Transport::tcp, Transport::udp}) {
    const auto* const option = transport == Transport::tcp ? "-t" : "-u";
    const auto before = options.size();
    for (const auto& forward : forwards) {
      if (forward.transport == transport) options.insert(options.end(), {option, specification_of(forward)});
    }
    if (options.size() == before) options.insert(options.end(), {option, "none"});
  }
  return options;
}

}  // namespace hermitage::base
