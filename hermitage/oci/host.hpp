// The capabilities of a host that Hermit containers need, in addition to those of the monitor.
#pragma once

#include <string>
#include <vector>

#include "hermitage/base/host_check.hpp"

namespace hermitage::oci {

// The directory of the configurations of engines.
struct EngineFiles {
  std::string podman = "/etc/containers/containers.conf.d/hermitage.conf";
  std::string containerd = "/etc/containerd/config.toml";
};

// Checks the programs, the network, and whether podman and containerd know the runtime. Does not change the host.
[[nodiscard]] auto check_host(const EngineFiles& files = {}) -> std::vector<base::HostCheck>;

}  // namespace hermitage::oci
