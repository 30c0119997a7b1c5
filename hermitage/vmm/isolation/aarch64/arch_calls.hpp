// The system calls of a monitor that only aarch64 has. The C library makes ppoll for poll, and epoll_pwait for
// epoll_wait.
#pragma once

#include <linux/kvm.h>

#include <array>

#include "hermitage/vmm/isolation/system_call.hpp"

namespace hermitage::vmm::isolation::aarch64 {

inline constexpr std::array kArchCalls{
    ioctl_of(kVcpu | kDebugger, KVM_GET_ONE_REG, "KVM_GET_ONE_REG"),
    ioctl_of(kDebugger, KVM_SET_ONE_REG, "KVM_SET_ONE_REG"),
    SystemCall{"epoll_pwait", kSupervisor | kNetwork | kDebugger},
    SystemCall{"ppoll", kAll},
};

}  // namespace hermitage::vmm::isolation::aarch64
