// The reason why a vCPU left the guest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

namespace hermitage::vmm::kvm {

enum class AddressSpace : std::uint8_t { ports, memory };

// An access that KVM does not handle. `data` is in the page shared with KVM, and contains `count` consecutive items of
// the same size. The result of a read is written there.
struct IoAccess {
  AddressSpace space;
  bool is_write;
  std::uint64_t address;
  std::span<std::byte> data;
  std::uint32_t count;  // at least 1
};
struct Halt {};
struct Shutdown {};     // on x86_64, a triple fault
struct PowerOff {};     // the kernel has switched the machine off, or reset it
struct Interrupted {};  // by a signal, or by request_exit()
// A stop that a debugger requested: see debug.hpp.
struct DebugEvent {
  enum class Kind : std::uint8_t {
    breakpoint,  // before a breakpoint instruction, of the debugger or of the guest
    hardware,    // before or after an instruction, by a debug register
    step,        // after one instruction
  };
  Kind kind = Kind::step;
  unsigned hardware = 0;  // the index of the debug register
};
// An access outside of the guest memory by an instruction that the CPU does not describe.
struct UndecodedAccess {
  std::uint64_t address;
};
struct EntryFailure {
  std::uint64_t reason;
};
struct InternalError {
  std::uint32_t suberror;
};
struct UnknownExit {
  std::uint32_t reason;
};
struct RunFailure {
  int error_number;
};
using Exit = std::variant<IoAccess, Halt, Shutdown, PowerOff, Interrupted, DebugEvent, UndecodedAccess, EntryFailure,
                          InternalError, UnknownExit, RunFailure>;

}  // namespace hermitage::vmm::kvm
