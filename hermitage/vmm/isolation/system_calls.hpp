// The system calls that the threads of a monitor can make while its guest runs. compile_filters.cpp compiles the
// filters from this list when the library is built. docs/monitor.md shows the list. Tests compare all three.
#pragma once

#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "hermitage/vmm/vhost_calls.hpp"

#include <array>
#include <cstdint>

namespace hermitage::vmm::isolation {

enum class Role : std::uint8_t {
  vcpu,        // runs a vCPU, and handles its hypercalls
  supervisor,  // called Machine::run(): waits, copies output, and cleans up at the end
  network,     // moves frames between the guest's queues and the network
  debugger,    // serves a debugger
  saver,       // saves the guest to a snapshot
};
inline constexpr std::array kRoles{Role::vcpu, Role::supervisor, Role::network, Role::debugger, Role::saver};

// A set of roles.
using Roles = unsigned;
[[nodiscard]] constexpr auto roles_of(Role role) noexcept -> Roles {
  return 1U << static_cast<unsigned>(role);
}
inline constexpr Roles kVcpu = roles_of(Role::vcpu);
inline constexpr Roles kSupervisor = roles_of(Role::supervisor);
inline constexpr Roles kNetwork = roles_of(Role::network);
inline constexpr Roles kDebugger = roles_of(Role::debugger);
inline constexpr Roles kSaver = roles_of(Role::saver);
inline constexpr Roles kAll = kVcpu | kSupervisor | kNetwork | kDebugger | kSaver;

// The name of the role in messages and tests.
[[nodiscard]] constexpr auto name_of(Role role) noexcept -> const char* {
  switch (role) {
    case Role::vcpu: return "vCPU";
    case Role::supervisor: return "supervisor";
    case Role::network: return "network";
    case Role::debugger: return "debugger";
    case Role::saver: return "saver";
  }
  return "";
}

// A placeholder for the process ID, which is not known until the filter is installed.
inline constexpr std::uint32_t kOwnProcess = 0x5e1f'1d00;

// KVM_SET_GSI_ROUTING. Linux's headers of 2023 define a wrong number in C++. Its structure is two numbers and an array.
inline constexpr std::uint64_t kSetGsiRouting = _IOW(KVMIO, 0x6a, std::uint64_t);

// KVM_GET_XSAVE and KVM_SET_XSAVE. Their structure has 4096 bytes, but is larger in C++.
using ExtendedArea = std::array<std::uint8_t, 4096>;
inline constexpr std::uint64_t kGetXsave = _IOR(KVMIO, 0xa4, ExtendedArea);
inline constexpr std::uint64_t kSetXsave = _IOW(KVMIO, 0xa5, ExtendedArea);

// KVM_GET_MSRS. Its structure is two numbers and an array.
inline constexpr std::uint64_t kGetMsrs = _IOWR(KVMIO, 0x88, std::uint64_t);

// A condition for an argument of a call.
struct Condition {
  enum class Kind : std::uint8_t { none, equals, lacks };

  Kind kind = Kind::none;
  unsigned argument = 0;    // from 0
  std::uint64_t value = 0;  // the required value, or the bits that must not be set
  const char* words = "";   // the description in docs/monitor.md
};

// A call with several lines is permitted if the condition of one line is true.
struct SystemCall {
  const char* name;
  Roles roles;
  Condition condition = {};

  [[nodiscard]] constexpr auto is_for(Role role) const noexcept -> bool { return (roles & roles_of(role)) != 0; }
};

[[nodiscard]] constexpr auto ioctl_of(Roles roles, std::uint64_t request, const char* name) -> SystemCall {
  return {.name = "ioctl", .roles = roles, .condition = {Condition::Kind::equals, 1, request, name}};
}

// If `ioctl` is the most frequent call of a thread, it comes first: see compile_filters.cpp.
inline constexpr std::array kSystemCalls{
    ioctl_of(kVcpu | kSaver, KVM_RUN, "KVM_RUN"),
    ioctl_of(kVcpu | kDebugger | kSaver, KVM_GET_REGS, "KVM_GET_REGS"),
    ioctl_of(kVcpu | kDebugger | kSaver, KVM_GET_SREGS, "KVM_GET_SREGS"),
    ioctl_of(kVcpu | kSaver, KVM_GET_MP_STATE, "KVM_GET_MP_STATE"),
    ioctl_of(kDebugger, KVM_SET_REGS, "KVM_SET_REGS"),
    ioctl_of(kDebugger, KVM_SET_SREGS, "KVM_SET_SREGS"),
    ioctl_of(kVcpu | kDebugger | kSaver, kGetXsave, "KVM_GET_XSAVE"),
    ioctl_of(kDebugger, kSetXsave, "KVM_SET_XSAVE"),
    ioctl_of(kDebugger, KVM_SET_GUEST_DEBUG, "KVM_SET_GUEST_DEBUG"),
    ioctl_of(kSaver, KVM_GET_XCRS, "KVM_GET_XCRS"),
    ioctl_of(kSaver, KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS"),
    ioctl_of(kSaver, KVM_GET_LAPIC, "KVM_GET_LAPIC"),
    ioctl_of(kSaver, KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS"),
    ioctl_of(kSaver, kGetMsrs, "KVM_GET_MSRS"),
    ioctl_of(kSaver, KVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ"),
    ioctl_of(kSaver, KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP"),
    ioctl_of(kSaver, KVM_GET_PIT2, "KVM_GET_PIT2"),
    ioctl_of(kSaver, KVM_GET_CLOCK, "KVM_GET_CLOCK"),
    ioctl_of(kNetwork, kSetGsiRouting, "KVM_SET_GSI_ROUTING"),
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
    SystemCall{"fstat", kVcpu | kSupervisor | kSaver},
    SystemCall{"fstatfs", kVcpu},
    SystemCall{"ftruncate", kVcpu | kSupervisor},
    SystemCall{"getdents64", kVcpu | kSupervisor},
    SystemCall{"lseek", kVcpu | kSupervisor | kSaver},
    SystemCall{"newfstatat", kVcpu | kSupervisor},
    SystemCall{"epoll_ctl", kSupervisor | kNetwork | kDebugger},
    SystemCall{"epoll_wait", kSupervisor | kNetwork | kDebugger},
    SystemCall{"poll", kAll},
    SystemCall{"pread64", kVcpu | kSaver},
    SystemCall{"preadv", kVcpu | kSaver},
    SystemCall{"pwrite64", kVcpu | kSaver},
    SystemCall{"pwritev", kVcpu},
    SystemCall{"read", kAll},
    SystemCall{"readv", kVcpu},
    SystemCall{"write", kAll},
    SystemCall{"writev", kVcpu | kSupervisor | kNetwork},

    // Frames, on a connected socket.
    SystemCall{"recvmsg", kNetwork | kDebugger},
    SystemCall{"sendmsg", kNetwork | kDebugger},

    // Connections of debuggers.
    SystemCall{"accept4", kDebugger},

    // Paths: in mapped directories and the private directory, restricted by Landlock.
    SystemCall{"mkdirat", kVcpu},
    SystemCall{"openat", kVcpu | kSaver},
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
    SystemCall{"getrusage", kSupervisor},
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

}  // namespace hermitage::vmm::isolation
