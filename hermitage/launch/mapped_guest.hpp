// Reads the kernel or the image of a run, for the monitor.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "hermitage/image/image.hpp"
#include "hermitage/launch/failure.hpp"
#include "hermitage/launch/kernel_source.hpp"
#include "hermitage/launch/launch_spec.hpp"
#include "hermitage/launch/run_request.hpp"
#include "hermitage/vmm/machine.hpp"
#include "hermitage/vmm/memory/mapped_file.hpp"

namespace hermitage::launch {

// A kernel, and the image that contains it. A guest does not need it after its machine is created.
struct MappedGuest {
  vmm::MappedFile file;
  std::optional<image::Image> image = std::nullopt;
  std::vector<std::byte> unpacked = {};  // the archive that the kernel finds in its memory; empty: none

  [[nodiscard]] auto kernel() const -> vmm::KernelSource {
    if (image) return {.elf = image->kernel()};
    return {.elf = file.bytes(), .descriptor = file.descriptor()};
  }
};

// `name` is the name of the file in messages.
[[nodiscard]] auto read_guest(const std::string& name, KernelSource::Kind kind, vmm::MappedFile file)
    -> OrFailure<MappedGuest>;

// Maps the file of the request, or reads it if the guest could write to it. Reports the warnings of an image.
[[nodiscard]] auto open_guest(const LaunchSpec& spec, const RunRequest& request) -> OrFailure<MappedGuest>;

}  // namespace hermitage::launch
