// passt for a guest in a container: a process in the container's network namespace that makes connections for it.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/network.hpp"

namespace hermitage::oci {

// Starts passt in the network namespace of the calling thread, and returns the guest's end of its socket, for `run
// --net fd:N`. passt listens at these ports there, answers DHCP with the address of the namespace's interface and with
// these nameservers, and ends when the guest's end is closed. The error is a sentence: passt is not installed, or its
// own message.
[[nodiscard]] auto start_passt(const std::vector<base::PortForward>& forwards,
                               const std::vector<std::string>& nameservers)
    -> std::expected<base::Descriptor, std::string>;

// Whether such a passt runs in the network namespace of the calling thread.
[[nodiscard]] auto passt_serves_this_network() -> bool;

}  // namespace hermitage::oci
