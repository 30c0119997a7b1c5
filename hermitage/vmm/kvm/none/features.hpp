// See arch/none/arch.hpp.
#pragma once

namespace hermitage::vmm::kvm {

struct Features {};
struct StateRegisters {};

}  // namespace hermitage::vmm::kvm
