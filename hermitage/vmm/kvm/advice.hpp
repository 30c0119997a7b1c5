// Advice for users of a host without KVM.
#pragma once

namespace hermitage::vmm::kvm {

// Defined by the architecture. A part of a sentence.
[[nodiscard]] auto how_to_get_kvm() noexcept -> const char*;

}  // namespace hermitage::vmm::kvm
