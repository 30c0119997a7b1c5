// A guest that continues from a snapshot.
#pragma once

#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_options.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_request.hpp"
#include "hermitage/vmm/snapshot/snapshot.hpp"

namespace hermitage::launch {

// The name of a given option that cannot differ from that of the saved guest, or that has no meaning for it; null:
// none.
[[nodiscard]] auto option_refused_by_snapshots(const LaunchOptions& options) -> const char*;

// Checks the options of a request for a snapshot, before anything is opened or created. The environment's options for a
// new guest are ignored. Fails with usage for an option that is not permitted.
[[nodiscard]] auto check_snapshot_options(const RunRequest& request) -> OrFailure<void>;

// Completes the network of the spec for the card of a saved guest: with its MTU and, unless the spec has another, its
// Ethernet address. Fails with usage if the guest has a card and the spec has no network, or the reverse, or for
// settings that cannot differ.
[[nodiscard]] auto adapt_network(LaunchSpec& spec, const vmm::snapshot::MachineState& machine) -> OrFailure<void>;

// Opens the snapshot of the request, whose options are checked. Fails with not_started if the file cannot be used.
[[nodiscard]] auto open_snapshot(const LaunchSpec& spec, const RunRequest& request)
    -> OrFailure<vmm::snapshot::Snapshot>;

}  // namespace hermitage::launch
