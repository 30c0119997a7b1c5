// Numbers of KVM's calls. Linux's headers of 2023 define wrong sizes of these structures in C++, and so wrong numbers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "hermitage/vmm/arch/x86_64/debug_state.hpp"
#include "hermitage/vmm/kvm/list.hpp"

namespace hermitage::vmm::kvm {

using ExtendedArea = std::array<std::byte, arch::DebugState::kExtendedSize>;

inline constexpr unsigned long kGetXsave = _IOR(KVMIO, 0xa4, ExtendedArea);
inline constexpr unsigned long kSetXsave = _IOW(KVMIO, 0xa5, ExtendedArea);
inline constexpr unsigned long kSetCpuid = _IOW(KVMIO, 0x90, ListHeader);
inline constexpr unsigned long kGetMsrs = _IOWR(KVMIO, 0x88, ListHeader);
inline constexpr unsigned long kSetMsrs = _IOW(KVMIO, 0x89, ListHeader);
inline constexpr unsigned long kGetMsrIndexList = _IOWR(KVMIO, 0x02, std::uint32_t);

}  // namespace hermitage::vmm::kvm
