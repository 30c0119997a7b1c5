// Options of the program passt, which makes connections for a guest.
#pragma once

#include <string>
#include <vector>

#include "hermitage/base/network.hpp"

namespace hermitage::base {

// The options -t and -u, with their values, for these ports. A transport without ports gets "none".
[[nodiscard]] auto passt_port_options(const std::vector<PortForward>& forwards) -> std::vector<std::string>;

}  // namespace hermitage::base
