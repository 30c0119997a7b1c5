// The system calls that the threads of a monitor can make while its guest runs. compile_filters.cpp compiles the
// filters from this list when the library is built. docs/monitor.md shows the list. Tests compare all three.
#pragma once

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "hermitage/vmm/vhost_calls.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#ifdef __aarch64__
#include "hermitage/vmm/isolation/aarch64/arch_calls.hpp"
#else
#include "hermitage/vmm/isolation/x86_64/arch_calls.hpp"
#endif
#include "hermitage/vmm/isolation/system_call.hpp"

namespace hermitage::vmm::isolation {

// If `ioctl` is the most frequent call of a thread, it comes first: see compile_filters.cpp.
inline constexpr std::array kCommonCalls{
    ioctl_of(kVcpu | kSaving, KVM_RUN, "KVM_RUN"),
    ioctl_of(kVcpu | kSaving, KVM_GET_MP_STATE, "KVM_GET_MP_STATE"),
    ioctl_of(kDebugger, KVM_SET_GUEST_DEBUG, "KVM_SET_GUEST_DEBUG"),
    ioctl_of(kNetwork, TUNSETOFFLOAD, "TUNSETOFFLOAD"),
    ioctl_of(kNetwork, VHOST_SET_FEATURES, "VHOST_SET_FEATURES"),
    ioctl_of(kNetwork, VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM"),
    ioctl_of(kNetwork, VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE"),
    ioctl_of(kNetwork, VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR"),
    ioctl_of(kNetwork, VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL"),
    // A reset by the driver stops vhost. Without the tap's descriptor, the thread of a vCPU can only stop it.
    ioctl_of(kVcpu | kNetwork, VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND"),

    // Output, standard input, and open files.
    SystemCall{"close", kAll},
    SystemCall{"fcntl", kControl, {Condition::Kind::equals, 1, F_GETFL, "F_GETFL"}},
    SystemCall{"fstat", kVcpu | kSupervisor | kSaving},
    SystemCall{"fstatfs", kVcpu},
    SystemCall{"ftruncate", kVcpu | kSupervisor},
    SystemCall{"getdents64", kVcpu | kSupervisor},
    SystemCall{"lseek", kVcpu | kSupervisor | kSaving},
    SystemCall{"newfstatat", kVcpu | kSupervisor | kSaving},
    SystemCall{"epoll_ctl", kSupervisor | kNetwork | kDebugger},
    SystemCall{"pread64", kVcpu | kSaving},
    SystemCall{"preadv", kVcpu | kSaving},
    SystemCall{"pwrite64", kVcpu | kSaving},
    SystemCall{"pwritev", kVcpu},
    SystemCall{"sync_file_range", kSaving},
    SystemCall{"read", kAll},
    SystemCall{"readv", kVcpu},
    SystemCall{"write", kAll},
    SystemCall{"writev", kVcpu | kSupervisor | kNetwork},

    // Frames, on a connected socket.
    SystemCall{"recvmsg", kNetwork | kDebugger | kControl},
    SystemCall{"sendmsg", kNetwork | kDebugger | kControl},

    // Connections of debuggers, and of clients that send commands.
    SystemCall{"accept4", kDebugger | kControl},

    // Paths: in mapped directories and the private directory, restricted by Landlock.
    SystemCall{"mkdirat", kVcpu},
    SystemCall{"openat", kVcpu | kSaving},
    SystemCall{"openat2", kVcpu},
    SystemCall{"readlinkat", kVcpu},
    SystemCall{"unlinkat", kVcpu | kSupervisor},

    // The end of the passt process.
    SystemCall{"wait4", kSupervisor, {Condition::Kind::equals, 2, WNOHANG, "WNOHANG"}},

    SystemCall{"brk", kAll},
    SystemCall{"madvise", kAll},
    SystemCall{"mmap", kAll, {Condition::Kind::lacks, 2, PROT_EXEC, "without PROT_EXEC"}},
    SystemCall{"mprotect", kAll, {Condition::Kind::lacks, 2, PROT_EXEC, "without PROT_EXEC"}},
    SystemCall{"mremap", kAll},
    SystemCall{"munmap", kAll},

    SystemCall{"clock_gettime", kAll},
    SystemCall{"exit", kAll},
    SystemCall{"exit_group", kAll},
    SystemCall{"futex", kAll},
    SystemCall{"getpid", kAll},
    SystemCall{"getrusage", kSupervisor | kControl},
    SystemCall{"gettid", kAll},
    SystemCall{"restart_syscall", kAll},
    SystemCall{"rt_sigprocmask", kAll},
    SystemCall{"rt_sigreturn", kAll},
    SystemCall{"rt_sigtimedwait", kVcpu},
    SystemCall{"sched_getaffinity", kAll},
    SystemCall{"timer_delete", kSupervisor},
    SystemCall{"timer_settime", kAll},
    SystemCall{"tgkill", kAll, {Condition::Kind::equals, 0, kOwnProcess, "its own process"}},
};

#ifdef __aarch64__
using aarch64::kArchCalls;
#else
using x86_64::kArchCalls;
#endif

// All calls.
inline constexpr auto kSystemCalls = [] {
  std::array<SystemCall, kArchCalls.size() + kCommonCalls.size()> calls{};
  std::ranges::copy(kArchCalls, std::ranges::copy(kCommonCalls, calls.begin()).out);
  return calls;
}();

}  // namespace hermitage::vmm::isolation
