// The image as the monitor reads it.
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

// A kernel, and what the image around it says and holds. The guest needs nothing of it once its machine is made.
struct MappedGuest {
  vmm::MappedFile file;
  std::optional<image::Image> image = std::nullopt;
  std::vector<std::byte> unpacked = {};  // the image as the kernel is to find it, if it is

  [[nodiscard]] auto kernel() const -> vmm::KernelSource {
    if (image) return {.elf = image->kernel()};
    return {.elf = file.bytes(), .descriptor = file.descriptor()};
  }
};

// `name` is what messages call it.
[[nodiscard]] auto read_guest(const std::string& name, KernelSource::Kind kind, vmm::MappedFile file)
    -> OrFailure<MappedGuest>;

// Maps what the request is to run, or reads it where the guest could write to it. Warns of what is odd about an image.
[[nodiscard]] auto open_guest(const LaunchSpec& spec, const RunRequest& request) -> OrFailure<MappedGuest>;

}  // namespace hermitage::launch
