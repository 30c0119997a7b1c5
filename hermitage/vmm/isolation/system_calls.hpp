// The system calls that the threads of a monitor may make once its guest runs. The filters are compiled from this list
// when the library is built (compile_filters.cpp), and docs/monitor.md shows it; tests hold all three together.
#pragma once

#include <linux/kvm.h>
#include <sys/mman.h>

#include <array>
#include <cstdint>

namespace hermitage::vmm::isolation {

enum class Role : std::uint8_t {
  vcpu,        // runs a vCPU, and answers its hypercalls
  supervisor,  // called Machine::run(): waits, passes output on, and cleans up at the end
};
inline constexpr std::array kRoles{Role::vcpu, Role::supervisor};

// Stands for the number of the process, which is not known before the filter is installed.
inline constexpr std::uint32_t kOwnProcess = 0x5e1f'1d00;

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
  Condition condition = {};

  [[nodiscard]] constexpr auto is_for(Role role) const noexcept -> bool {
    return role == Role::vcpu ? vcpu : supervisor;
  }
};

// Where a thread says `ioctl` most of all, that comes first: see compile_filters.cpp.
inline constexpr std::array kSystemCalls{
    SystemCall{"ioctl", true, false, {Condition::Kind::equals, 1, KVM_RUN, "KVM_RUN"}},
    SystemCall{"ioctl", true, false, {Condition::Kind::equals, 1, KVM_GET_REGS, "KVM_GET_REGS"}},
    SystemCall{"ioctl", true, false, {Condition::Kind::equals, 1, KVM_GET_SREGS, "KVM_GET_SREGS"}},

    // Output, standard input, and what has been opened.
    SystemCall{"close", true, true},
    SystemCall{"fstat", true, true},
    SystemCall{"fstatfs", true, false},
    SystemCall{"ftruncate", true, true},
    SystemCall{"getdents64", true, true},
    SystemCall{"lseek", true, true},
    SystemCall{"newfstatat", true, true},
    SystemCall{"epoll_ctl", false, true},
    SystemCall{"epoll_wait", false, true},
    SystemCall{"poll", true, true},
    SystemCall{"pread64", true, false},
    SystemCall{"preadv", true, false},
    SystemCall{"pwrite64", true, false},
    SystemCall{"pwritev", true, false},
    SystemCall{"read", true, true},
    SystemCall{"readv", true, false},
    SystemCall{"write", true, true},
    SystemCall{"writev", true, true},

    // Names: in the mapped directories and the temporary one, by Landlock.
    SystemCall{"mkdirat", true, false},
    SystemCall{"openat", true, false},
    SystemCall{"openat2", true, false},
    SystemCall{"readlinkat", true, false},
    SystemCall{"unlinkat", true, true},

    SystemCall{"brk", true, true},
    SystemCall{"madvise", true, true},
    SystemCall{"mmap", true, true, {Condition::Kind::lacks, 2, PROT_EXEC, "without PROT_EXEC"}},
    SystemCall{"mprotect", true, true, {Condition::Kind::lacks, 2, PROT_EXEC, "without PROT_EXEC"}},
    SystemCall{"mremap", true, true},
    SystemCall{"munmap", true, true},

    SystemCall{"clock_gettime", true, true},
    SystemCall{"exit", true, true},
    SystemCall{"exit_group", true, true},
    SystemCall{"futex", true, true},
    SystemCall{"getpid", true, true},
    SystemCall{"getrusage", false, true},
    SystemCall{"gettid", true, true},
    SystemCall{"restart_syscall", true, true},
    SystemCall{"rt_sigprocmask", true, true},
    SystemCall{"rt_sigreturn", true, true},
    SystemCall{"sched_getaffinity", true, true},
    SystemCall{"timer_delete", false, true},
    SystemCall{"timer_settime", true, true},
    SystemCall{"tgkill", true, true, {Condition::Kind::equals, 0, kOwnProcess, "its own process"}},
};

}  // namespace hermitage::vmm::isolation
