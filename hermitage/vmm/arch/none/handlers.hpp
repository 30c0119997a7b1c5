// See arch/none/arch.hpp.
#pragma once

#include <string>

#include "hermitage/vmm/arch/none/arch.hpp"

namespace hermitage::vmm::none {

[[nodiscard]] auto repeated_exception(const Registers& registers) -> std::string;

}  // namespace hermitage::vmm::none
