// The system calls of a monitor that only x86_64 has.
#pragma once

#include <linux/kvm.h>

#include <array>
#include <cstdint>

#include "hermitage/vmm/isolation/system_call.hpp"

namespace hermitage::vmm::isolation::x86_64 {

// KVM_GET_XSAVE and KVM_SET_XSAVE. Their structure has 4096 bytes, but is larger in C++.
using ExtendedArea = std::array<std::uint8_t, 4096>;
inline constexpr std::uint64_t kGetXsave = _IOR(KVMIO, 0xa4, ExtendedArea);
inline constexpr std::uint64_t kSetXsave = _IOW(KVMIO, 0xa5, ExtendedArea);

// KVM_GET_MSRS. Its structure is two numbers and an array.
inline constexpr std::uint64_t kGetMsrs = _IOWR(KVMIO, 0x88, std::uint64_t);

// KVM_SET_GSI_ROUTING, for MSI-X. Linux's headers of 2023 define a wrong number in C++. Its structure is two numbers
// and an array.
inline constexpr std::uint64_t kSetGsiRouting = _IOW(KVMIO, 0x6a, std::uint64_t);

inline constexpr std::array kArchCalls{
    ioctl_of(kVcpu | kDebugger | kSaving, KVM_GET_REGS, "KVM_GET_REGS"),
    ioctl_of(kVcpu | kDebugger | kSaving, KVM_GET_SREGS, "KVM_GET_SREGS"),
    ioctl_of(kDebugger, KVM_SET_REGS, "KVM_SET_REGS"),
    ioctl_of(kDebugger, KVM_SET_SREGS, "KVM_SET_SREGS"),
    ioctl_of(kVcpu | kDebugger | kSaving, kGetXsave, "KVM_GET_XSAVE"),
    ioctl_of(kDebugger, kSetXsave, "KVM_SET_XSAVE"),
    ioctl_of(kSaving, KVM_GET_XCRS, "KVM_GET_XCRS"),
    ioctl_of(kSaving, KVM_GET_DEBUGREGS, "KVM_GET_DEBUGREGS"),
    ioctl_of(kSaving, KVM_GET_LAPIC, "KVM_GET_LAPIC"),
    ioctl_of(kSaving, KVM_GET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS"),
    ioctl_of(kSaving, kGetMsrs, "KVM_GET_MSRS"),
    ioctl_of(kSaving, KVM_GET_TSC_KHZ, "KVM_GET_TSC_KHZ"),
    ioctl_of(kSaving, KVM_GET_IRQCHIP, "KVM_GET_IRQCHIP"),
    ioctl_of(kSaving, KVM_GET_PIT2, "KVM_GET_PIT2"),
    ioctl_of(kSaving, KVM_GET_CLOCK, "KVM_GET_CLOCK"),
    ioctl_of(kNetwork, kSetGsiRouting, "KVM_SET_GSI_ROUTING"),
    SystemCall{"epoll_wait", kSupervisor | kNetwork | kDebugger},
    SystemCall{"poll", kAll},
};

}  // namespace hermitage::vmm::isolation::x86_64
