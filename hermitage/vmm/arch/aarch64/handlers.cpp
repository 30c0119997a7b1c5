#include "hermitage/vmm/arch/aarch64/handlers.hpp"

#include <fmt/format.h>

namespace hermitage::vmm::aarch64 {

auto repeated_exception(const Registers& registers) -> std::string {
  if (registers.pc - registers.vbar >= kPageSize) return {};  // wraps to a large value below the handlers
  return fmt::format("repeats an exception in its handlers: pc {:#x}, elr {:#x}, esr {:#x}, far {:#x}", registers.pc,
                     registers.elr, registers.esr, registers.far);
}

}  // namespace hermitage::vmm::aarch64
