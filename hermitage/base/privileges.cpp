#include "hermitage/base/privileges.hpp"

#include <linux/capability.h>
#include <linux/securebits.h>

#include <array>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hermitage::base {
namespace {

// Disables and locks each way to gain capabilities that capabilities(7) lets a process disable.
constexpr unsigned long kLocked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

}  // namespace

auto forbid_new_privileges() noexcept -> const char* {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? nullptr : "prctl(PR_SET_NO_NEW_PRIVS)";
}

auto drop_capabilities() noexcept -> const char* {
  // User 0 gets no capabilities from its user ID, at an execve or otherwise. This call fails only for other users, who
  // do not need it. The bounding set has no effect with PR_SET_NO_NEW_PRIVS, and emptying it would take 41 calls.
  ::prctl(PR_SET_SECUREBITS, kLocked, 0, 0, 0);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return "prctl(PR_CAP_AMBIENT)";
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  constexpr std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> kNone{};
  return ::syscall(SYS_capset, &header, kNone.data()) == 0 ? nullptr : "capset";
}

}  // namespace hermitage::base
