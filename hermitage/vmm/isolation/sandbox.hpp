// What a thread and a process give up for good: system calls, privileges, and being looked into.
#pragma once

#include <string>

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/isolation/system_calls.hpp"

namespace hermitage::vmm::isolation {

// The exit status of a process that the sandbox has ended: 128 and the number of SIGSYS, as shells tell it.
inline constexpr int kViolationStatus = 159;

// Of the whole process: no core dump, no tracing by others of the same user (PR_SET_DUMPABLE), and a handler for SIGSYS
// that names the system call that was not allowed on standard error, and ends the process with kViolationStatus.
[[nodiscard]] auto guard_process() -> Result<void>;

// Of the calling thread, and those that it starts: no privileges from programs (PR_SET_NO_NEW_PRIVS), which Landlock
// and filters ask for; and none that it has, in any set of capabilities.
[[nodiscard]] auto forbid_new_privileges() -> Result<void>;
[[nodiscard]] auto drop_capabilities() -> Result<void>;

// Of the calling thread: from now on only the system calls of its role. Precondition: forbid_new_privileges().
[[nodiscard]] auto filter_system_calls(Role role) -> Result<void>;

// Why the host has no filters for system calls, or "".
[[nodiscard]] auto missing_filters() -> std::string;

}  // namespace hermitage::vmm::isolation
