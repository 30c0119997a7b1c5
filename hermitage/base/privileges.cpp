#include "hermitage/base/privileges.hpp"

#include <linux/capability.h>
#include <linux/securebits.h>

#include <array>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hermitage::base {
namespace {

// Each way to capabilities that capabilities(7) lets be closed, closed for good.
constexpr unsigned long kLocked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
                                  SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
                                  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

}  // namespace

auto forbid_new_privileges() noexcept -> const char* {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? nullptr : "prctl(PR_SET_NO_NEW_PRIVS)";
}

auto drop_capabilities() noexcept -> const char* {
  // User 0 gets none by being that, at an execve or otherwise; who may not say so is no such user. The bounding set
  // limits what executed files give, which PR_SET_NO_NEW_PRIVS makes nothing; emptying it would take 41 calls.
  ::prctl(PR_SET_SECUREBITS, kLocked, 0, 0, 0);
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return "prctl(PR_CAP_AMBIENT)";
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  constexpr std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> kNone{};
  return ::syscall(SYS_capset, &header, kNone.data()) == 0 ? nullptr : "capset";
}

}  // namespace hermitage::base
