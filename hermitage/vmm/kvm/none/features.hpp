// See arch/none/arch.hpp.
#pragma once

namespace hermitage::vmm::kvm {

struct Features {};

}  // namespace hermitage::vmm::kvm
