// Converts a launch specification to the options of hermitage::vmm.
#pragma once

#include "hermitage/image/image.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/vmm/files/guest_files.hpp"
#include "hermitage/vmm/machine_options.hpp"

namespace hermitage::launch {

// Fails if the spec requires isolation, but this build has sanitizers.
[[nodiscard]] auto isolation_of(const LaunchSpec& spec) -> OrFailure<vmm::IsolationOptions>;

// The options that the spec determines. The caller sets the mounts, the callbacks, the image that a kernel finds in its
// memory, and the time limit, of which a part has already passed.
[[nodiscard]] auto machine_options_of(const LaunchSpec& spec, const vmm::IsolationOptions& isolation)
    -> vmm::MachineOptions;

// The files that the guest sees: those of its image, unless it finds the image in its memory, and mapped files of the
// host. `image` may be null. Fails with usage.
[[nodiscard]] auto files_of(const LaunchSpec& spec, const image::Image* image) -> OrFailure<vmm::GuestFiles>;

}  // namespace hermitage::launch
