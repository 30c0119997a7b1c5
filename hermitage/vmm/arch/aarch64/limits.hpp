// The limits of guests of this architecture.
#pragma once

#include "hermitage/vmm/error.hpp"
#include "hermitage/vmm/machine_shape.hpp"

namespace hermitage::vmm::aarch64 {

// Kernels number vCPUs by eight bits of MPIDR_EL1, of which KVM uses four for the first level of affinity.
inline constexpr std::uint32_t kMaxVcpus = 16;

// Says what is not supported. Fails with image where QEMU may support it, otherwise with configuration.
[[nodiscard]] auto check_limits(const MachineShape& shape) -> Result<void>;

}  // namespace hermitage::vmm::aarch64
