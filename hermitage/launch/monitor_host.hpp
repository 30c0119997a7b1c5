// Whether the monitor runs guests on this host.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hermitage/base/host_check.hpp"
#include "hermitage/entry/arch.hpp"

namespace hermitage::launch {

// The reason why the monitor cannot run guests here, as a sentence, if the host's CPU cannot virtualize. On other
// hosts, it returns nothing and makes no system call; the monitor reports other reasons when it creates a machine.
[[nodiscard]] auto why_no_monitor() -> std::optional<std::string>;

// The architecture of the kernels that the monitor runs; none in a build without the monitor.
[[nodiscard]] auto monitor_arch() -> std::optional<entry::Arch>;

// The reason why KVM cannot run kernels here, as a sentence. Runs a small guest to find out.
[[nodiscard]] auto why_no_kvm() -> std::optional<std::string>;

// Checks all requirements of running a guest in the monitor.
[[nodiscard]] auto check_monitor() -> std::vector<base::HostCheck>;

}  // namespace hermitage::launch
