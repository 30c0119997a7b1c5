// Opens the network of a launch specification, for the monitor.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/vmm/network_options.hpp"

namespace hermitage::launch {

// Starts passt, or opens the interface or the descriptor of the spec, and the file for captured frames. Without an
// Ethernet address in the spec, it is random. `warn` may be empty; it is called with a sentence, also later, by the
// card's thread. Returns nothing if the spec has no network. Fails with usage or not_started.
[[nodiscard]] auto open_network(const LaunchSpec& spec, const std::function<void(std::string_view)>& warn)
    -> OrFailure<std::optional<vmm::NetworkOptions>>;

}  // namespace hermitage::launch
