// The system calls that the threads of a monitor may make once its guest runs. The filters are compiled from this list
// when the library is built (compile_filters.cpp), and docs/monitor.md shows it; tests hold all three together.
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
  vcpu,        // runs a vCPU, and answers its hypercalls
  supervisor,  // called Machine::run(): waits, passes output on, and cleans up at the end
  network,     // takes frames from the guest's queues to the network, and back
};
inline constexpr std::array kRoles{Role::vcpu, Role::supervisor, Role::network};

// As messages and tests say it.
[[nodiscard]] constexpr auto name_of(Role role) noexcept -> const char* {
  switch (role) {
    case Role::vcpu: return "vCPU";
    case Role::supervisor: return "supervisor";
    case Role::network: return "network";
  }
  return "";
}

// Stands for the number of the process, which is not known before the filter is installed.
inline constexpr std::uint32_t kOwnProcess = 0x5e1f'1d00;

// KVM_SET_GSI_ROUTING, whose number Linux's headers of 2023 give wrong in C++: its structure is two numbers and an
// array.
inline constexpr std::uint64_t kSetGsiRouting = _IOW(KVMIO, 0x6a, std::uint64_t);

// What must hold for an argument of a call.
struct Condition {
  enum class Kind : std::uint8_t { none, equals, lacks };

  Kind kind = Kind::none;
  unsigned argument = 0;    // from 0
  std::uint64_t value = 0;  // what it is, or the bits that are not set in it
  const char* words = "";   // as docs/monitor.md says it
};

// A call with several lines may be made if one of them lets it.
struct SystemCall {
  const char* name;
  bool vcpu;
  bool supervisor;
  bool network;
  Condition condition = {};

  [[nodiscard]] constexpr auto is_for(Role role) const noexcept -> bool {
    switch (role) {
      case Role::vcpu: return vcpu;
      case Role::supervisor: return supervisor;
      case Role::network: return network;
    }
    return false;
  }
};

// Where a thread says `ioctl` most of all, that comes first: see compile_filters.cpp.
inline constexpr std::array kSystemCalls{
    SystemCall{"ioctl", true, false, false, {Condition::Kind::equals, 1, KVM_RUN, "KVM_RUN"}},
    SystemCall{"ioctl", true, false, false, {Condition::Kind::equals, 1, KVM_GET_REGS, "KVM_GET_REGS"}},
    SystemCall{"ioctl", true, false, false, {Condition::Kind::equals, 1, KVM_GET_SREGS, "KVM_GET_SREGS"}},
    SystemCall{"ioctl", false, false, true, {Condition::Kind::equals, 1, kSetGsiRouting, "KVM_SET_GSI_ROUTING"}},
    SystemCall{"ioctl", false, false, true, {Condition::Kind::equals, 1, TUNSETOFFLOAD, "TUNSETOFFLOAD"}},
    SystemCall{"ioctl", false, false, true, {Condition::Kind::equals, 1, VHOST_SET_FEATURES, "VHOST_SET_FEATURES"}},
    SystemCall{"ioctl", false, false, true, {Condition::Kind::equals, 1, VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM"}},
    SystemCall{"ioctl", false, false, true, {Condition::Kind::equals, 1, VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE"}},
    SystemCall{"ioctl", false, false, true, {Condition::Kind::equals, 1, VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR"}},
    SystemCall{"ioctl", false, false, true, {Condition::Kind::equals, 1, VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL"}},
    // A driver's reset ends what vhost does. Without the tap's descriptor, a vCPU's thread can only end it.
    SystemCall{
        "ioctl", true, false, true, {Condition::Kind::equals, 1, VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND"}},

    // Output, standard input, and what has been opened.
    SystemCall{"close", true, true, true},
    SystemCall{"fstat", true, true, false},
    SystemCall{"fstatfs", true, false, false},
    SystemCall{"ftruncate", true, true, false},
    SystemCall{"getdents64", true, true, false},
    SystemCall{"lseek", true, true, false},
    SystemCall{"newfstatat", true, true, false},
    SystemCall{"epoll_ctl", false, true, true},
    SystemCall{"epoll_wait", false, true, true},
    SystemCall{"poll", true, true, true},
    SystemCall{"pread64", true, false, false},
    SystemCall{"preadv", true, false, false},
    SystemCall{"pwrite64", true, false, false},
    SystemCall{"pwritev", true, false, false},
    SystemCall{"read", true, true, true},
    SystemCall{"readv", true, false, false},
    SystemCall{"write", true, true, true},
    SystemCall{"writev", true, true, true},

    // Frames, on a socket that is connected.
    SystemCall{"recvmsg", false, false, true},
    SystemCall{"sendmsg", false, false, true},

    // Names: in the mapped directories and the temporary one, by Landlock.
    SystemCall{"mkdirat", true, false, false},
    SystemCall{"openat", true, false, false},
    SystemCall{"openat2", true, false, false},
    SystemCall{"readlinkat", true, false, false},
    SystemCall{"unlinkat", true, true, false},

    // The end of passt.
    SystemCall{"wait4", false, true, false, {Condition::Kind::equals, 2, WNOHANG, "WNOHANG"}},

    SystemCall{"brk", true, true, true},
    SystemCall{"madvise", true, true, true},
    SystemCall{"mmap", true, true, true, {Condition::Kind::lacks, 2, PROT_EXEC, "without PROT_EXEC"}},
    SystemCall{"mprotect", true, true, true, {Condition::Kind::lacks, 2, PROT_EXEC, "without PROT_EXEC"}},
    SystemCall{"mremap", true, true, true},
    SystemCall{"munmap", true, true, true},

    SystemCall{"clock_gettime", true, true, true},
    SystemCall{"exit", true, true, true},
    SystemCall{"exit_group", true, true, true},
    SystemCall{"futex", true, true, true},
    SystemCall{"getpid", true, true, true},
    SystemCall{"getrusage", false, true, false},
    SystemCall{"gettid", true, true, true},
    SystemCall{"restart_syscall", true, true, true},
    SystemCall{"rt_sigprocmask", true, true, true},
    SystemCall{"rt_sigreturn", true, true, true},
    SystemCall{"sched_getaffinity", true, true, true},
    SystemCall{"timer_delete", false, true, false},
    SystemCall{"timer_settime", true, true, true},
    SystemCall{"tgkill", true, true, true, {Condition::Kind::equals, 0, kOwnProcess, "its own process"}},
};

}  // namespace hermitage::vmm::isolation
