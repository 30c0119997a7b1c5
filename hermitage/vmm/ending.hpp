// How a run ended.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "hermitage/vmm/arch/arch.hpp"
#include "hermitage/vmm/bus/device.hpp"
#include "hermitage/vmm/stack_copy.hpp"

namespace hermitage::vmm {

struct GuestCrash {
  std::string reason;     // one sentence without a full stop
  std::uint32_t cpu = 0;  // the number of the vCPU
  arch::Registers registers = {};
  StackCopy stack = {};  // after Machine::run() has returned
};
struct TimedOut {};
struct Stopped {
  int reason = 0;  // the parameter of stop()
};
struct OutputFailed {
  int error_number = 0;
};
// The guest was saved, or could not be saved: see RunResult::saved.
struct Saved {};
using Ending = std::variant<GuestExit, GuestCrash, TimedOut, Stopped, OutputFailed, Saved>;

}  // namespace hermitage::vmm
