// What the monitor's library is told of a launch.
#pragma once

#include "hermitage/image/image.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/machine_options.hpp"

namespace hermitage::launch {

// Fails where a build with sanitizers is asked for isolation.
[[nodiscard]] auto isolation_of(const LaunchSpec& spec) -> OrFailure<vmm::IsolationOptions>;

// All that the spec says. It says nothing of mounts, of callbacks, and of the image that a kernel finds in its memory;
// and the time limit has begun before it.
[[nodiscard]] auto machine_options_of(const LaunchSpec& spec, const vmm::IsolationOptions& isolation)
    -> vmm::MachineOptions;

// The files that the guest sees: those of its image, unless it finds the image in its memory, and the host's that are
// mapped. `image` may be null. Fails with usage.
[[nodiscard]] auto files_of(const LaunchSpec& spec, const image::Image* image) -> OrFailure<vmm::GuestFiles>;

}  // namespace hermitage::launch
