// The guest, as the session of a debugger accesses it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hermitage::vmm::debug {

enum class BreakpointKind : std::uint8_t {
  software,      // an instruction in the guest memory
  hardware,      // by a debug register
  write_watch,   // after an instruction that has written to the address
  read_watch,    // after an instruction that has read from the address
  access_watch,  // after an instruction that has done either
};

enum class BreakpointOutcome : std::uint8_t { done, failed, unsupported };

// The action of a vCPU after resume().
struct Action {
  enum class Kind : std::uint8_t { hold, run, step };

  Kind kind = Kind::hold;
  // For a step: continues while the program counter is in [start, end).
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

// The reason why the guest is stopped.
struct Stop {
  enum class Kind : std::uint8_t {
    interrupted,
    step,
    breakpoint,         // a breakpoint of insert()
    guests_breakpoint,  // a breakpoint instruction of the guest itself
    hardware,
    watch,
    crash,  // the guest ends when it continues
  };

  Kind kind = Kind::interrupted;
  unsigned vcpu = 0;
  std::uint64_t address = 0;  // the watched address
  BreakpointKind watch = BreakpointKind::write_watch;
};

// The guest has ended.
struct Ended {
  std::optional<std::uint32_t> exit_code;  // none: the guest has crashed, or was stopped from outside
  int signal = 0;                          // without an exit code: the number of the signal to report
};

// Precondition: the guest is stopped, except for interrupt() and the constants. vCPUs are numbered from 0.
class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  auto operator=(const Target&) -> Target& = delete;
  virtual ~Target() = default;

  [[nodiscard]] virtual auto vcpu_count() const -> unsigned = 0;
  [[nodiscard]] virtual auto describe(unsigned vcpu) -> std::string = 0;

  // Registers have the numbers of arch::register_size().
  [[nodiscard]] virtual auto read_register(unsigned vcpu, unsigned number, std::span<std::byte> bytes) -> bool = 0;
  [[nodiscard]] virtual auto write_register(unsigned vcpu, unsigned number, std::span<const std::byte> bytes)
      -> bool = 0;

  // Addresses are guest-virtual. The page tables of the vCPU translate them. Returns the number of bytes before the
  // first one that is not mapped.
  [[nodiscard]] virtual auto read_memory(unsigned vcpu, std::uint64_t address, std::span<std::byte> bytes)
      -> std::size_t = 0;
  // Writes all bytes, or none.
  [[nodiscard]] virtual auto write_memory(unsigned vcpu, std::uint64_t address, std::span<const std::byte> bytes)
      -> bool = 0;

  // Does not insert an existing breakpoint again. `size` is the number of watched bytes.
  [[nodiscard]] virtual auto insert(unsigned vcpu, BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome = 0;
  [[nodiscard]] virtual auto remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome = 0;

  // `actions` has one action for each vCPU.
  virtual void resume(std::span<const Action> actions) = 0;
  // Stops the guest. The debugger is told when the guest has stopped.
  virtual void interrupt() = 0;
  // Removes all breakpoints.
  virtual void remove_all() = 0;
  virtual void kill() = 0;

  // Executes a command of the user (GDB's `monitor`). Returns its output, in lines.
  [[nodiscard]] virtual auto command(unsigned vcpu, std::string_view words) -> std::string = 0;

  // Constants: the path and the bytes of the kernel's file, and the offset that is added to its addresses.
  [[nodiscard]] virtual auto file_name() const -> std::string_view = 0;
  [[nodiscard]] virtual auto file() const -> std::span<const std::byte> = 0;
  [[nodiscard]] virtual auto load_offset() const -> std::uint64_t = 0;
};

}  // namespace hermitage::vmm::debug
