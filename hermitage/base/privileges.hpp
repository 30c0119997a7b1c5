// Privileges that a thread, or a program before it becomes another, gives up for good. Nothing here needs memory, or
// anything else that a child of fork(2) must not touch.
#pragma once

namespace hermitage::base {

// Of what is executed from now on, nothing has more privileges. The name of the call that failed, with errno; null:
// none.
[[nodiscard]] auto forbid_new_privileges() noexcept -> const char*;

// Gives up all capabilities, and closes the ways to them. The name of the call that failed, with errno; null: none.
[[nodiscard]] auto drop_capabilities() noexcept -> const char*;

}  // namespace hermitage::base
