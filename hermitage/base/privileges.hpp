// Drops privileges of a thread, or of a process before an execve, permanently. These functions are async-signal-safe,
// so a child of fork(2) may call them.
#pragma once

namespace hermitage::base {

// An execve no longer grants privileges. Returns null, or the name of the call that failed, with its errno.
[[nodiscard]] auto forbid_new_privileges() noexcept -> const char*;

// Drops all capabilities, and disables the ways to regain them. Returns null, or the name of the call that failed, with
// its errno.
[[nodiscard]] auto drop_capabilities() noexcept -> const char*;

}  // namespace hermitage::base
