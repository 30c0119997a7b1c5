// What can run a guest: the monitor that this program has in it, where it is for this host, and QEMU.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hermitage/base/host_check.hpp"
#include "hermitage/cli/run_request.hpp"
#include "hermitage/cli/time_limit.hpp"

namespace hermitage::cli {

// Why the monitor can run no guest here, if it is plain to see. Where the CPU can virtualize, that takes no
// system call: what else there may be, the monitor finds out when it makes a machine.
[[nodiscard]] auto why_no_monitor() -> std::optional<std::string>;

// Why KVM can run no whole kernel here. Tries it out.
[[nodiscard]] auto why_no_kvm() -> std::optional<std::string>;

// Everything that running a guest in the monitor depends on.
[[nodiscard]] auto check_monitor() -> std::vector<base::HostCheck>;

// Why QEMU is taken, for a line on standard error; empty where the user wants it.
struct QemuReason {
  std::string sentence = {};
  bool monitor_has_tried = false;  // and has warned of what is odd about the image
};

// Both run the guest to its end, say on standard error what there is to say about that, and return the exit status.
[[nodiscard]] auto run_in_monitor(RunRequest& request, TimeLimit& limit) -> OrFailure<ExitCode>;
[[nodiscard]] auto run_in_qemu(RunRequest& request, TimeLimit& limit, const QemuReason& reason) -> OrFailure<ExitCode>;

}  // namespace hermitage::cli
