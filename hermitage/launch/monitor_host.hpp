// Whether the monitor runs guests on this host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hermitage/base/host_check.hpp"
#include "hermitage/entry/arch.hpp"

namespace hermitage::launch {

// Why the monitor can run no guest here, if it is plain to see; a sentence. Where the CPU can virtualize, that takes no
// system call: what else there may be, the monitor finds out when it makes a machine.
[[nodiscard]] auto why_no_monitor() -> std::optional<std::string>;

// The architecture of the kernels that the monitor runs; none in a build without the monitor.
[[nodiscard]] auto monitor_arch() -> std::optional<entry::Arch>;

// Why KVM can run no whole kernel here. Tries it out.
[[nodiscard]] auto why_no_kvm() -> std::optional<std::string>;

// Everything that running a guest in the monitor depends on.
[[nodiscard]] auto check_monitor() -> std::vector<base::HostCheck>;

}  // namespace hermitage::launch
