// The network card that the monitor is asked for, and what is behind it.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/vmm/network_options.hpp"

namespace hermitage::launch {

// Starts passt, or opens the interface or the descriptor that the spec names, and the file for what goes over the wire.
// An Ethernet address that the spec does not have is random. `warn`, which may be empty, gets a sentence now or, from
// the card's thread, later. None where the spec has no network. Fails with usage or not_started.
[[nodiscard]] auto open_network(const LaunchSpec& spec, const std::function<void(std::string_view)>& warn)
    -> OrFailure<std::optional<vmm::NetworkOptions>>;

}  // namespace hermitage::launch
