// Commands from other processes for a running guest.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/statistics.hpp"

namespace hermitage::vmm {

struct ControlOptions {
  Descriptor listener = {};  // a socket from listen_for_control()
  std::string image = {};    // the name of the image, for snapshots
  // The text of answers. A thread in the sandbox calls them while no vCPU runs. Without them, these commands fail.
  std::function<std::string(const Statistics&)> show_statistics = {};
  // The last hypercalls of each vCPU as lines, the oldest first.
  std::function<std::string(std::span<const std::vector<std::string>>)> show_hypercalls = {};
};

// Makes a Unix socket at this path, which only this user can connect to, and listens. Replaces a socket at the path if
// no process listens there. Nothing removes it at the end of the run. Fails with configuration or host_failed.
[[nodiscard]] auto listen_for_control(const std::string& path) -> Result<Descriptor>;

}  // namespace hermitage::vmm
