// Permanent restrictions of a thread and a process: system calls, privileges, and inspection by others.
#pragma once

#include <string>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/isolation/system_calls.hpp"

namespace hermitage::vmm::isolation {

// The exit status of a process that the sandbox has ended: 128 plus the number of SIGSYS, as in shells.
inline constexpr int kViolationStatus = 159;

// Restricts the whole process: no core dump, and no tracing by other processes of the same user (PR_SET_DUMPABLE).
// Installs a handler for SIGSYS that names the forbidden system call on standard error, and ends the process with
// kViolationStatus.
[[nodiscard]] auto guard_process() -> Result<void>;

// Restrict the calling thread and threads that it starts later. The first one denies new privileges from programs
// (PR_SET_NO_NEW_PRIVS), which Landlock and filters require. The second one drops all sets of capabilities.
[[nodiscard]] auto forbid_new_privileges() -> Result<void>;
[[nodiscard]] auto drop_capabilities() -> Result<void>;

// Restricts the calling thread to the system calls of its role from now on. Precondition: forbid_new_privileges().
[[nodiscard]] auto filter_system_calls(Role role) -> Result<void>;

// The reason why the host has no filters for system calls, or "" if it has them.
[[nodiscard]] auto missing_filters() -> std::string;

}  // namespace hermitage::vmm::isolation
