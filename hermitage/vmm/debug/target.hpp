// The guest, as a debugger's session accesses it.
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
  software,      // an instruction for breakpoints in the guest's memory
  hardware,      // by a debug register
  write_watch,   // after an instruction that has written there
  read_watch,    // after one that has read there
  access_watch,  // after one that has done either
};

enum class BreakpointOutcome : std::uint8_t { done, failed, unsupported };

// What a vCPU does from resume() on.
struct Action {
  enum class Kind : std::uint8_t { hold, run, step };

  Kind kind = Kind::hold;
  // For a step: goes on as long as it is in [start, end).
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

// Why the guest stands.
struct Stop {
  enum class Kind : std::uint8_t {
    interrupted,
    step,
    breakpoint,         // one that insert() has put there
    guests_breakpoint,  // an instruction of the guest's own for breakpoints
    hardware,
    watch,
    death,  // the guest ends when it goes on
  };

  Kind kind = Kind::interrupted;
  unsigned vcpu = 0;
  std::uint64_t address = 0;  // of what is watched
  BreakpointKind watch = BreakpointKind::write_watch;
};

// The guest has ended.
struct Ended {
  std::optional<std::uint32_t> exit_code;  // none: it has died, or was stopped from outside
  int signal = 0;                          // in its place: the number of a signal that says so
};

// The guest must stand, except for interrupt() and the constants. vCPUs are numbered from 0.
class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  auto operator=(const Target&) -> Target& = delete;
  virtual ~Target() = default;

  [[nodiscard]] virtual auto vcpu_count() const -> unsigned = 0;
  [[nodiscard]] virtual auto describe(unsigned vcpu) -> std::string = 0;

  // Registers by their numbers in arch::register_size().
  [[nodiscard]] virtual auto read_register(unsigned vcpu, unsigned number, std::span<std::byte> bytes) -> bool = 0;
  [[nodiscard]] virtual auto write_register(unsigned vcpu, unsigned number, std::span<const std::byte> bytes)
      -> bool = 0;

  // Guest-virtual addresses, translated by the vCPU's page tables. Returns the number of bytes before the first one
  // that is not mapped.
  [[nodiscard]] virtual auto read_memory(unsigned vcpu, std::uint64_t address, std::span<std::byte> bytes)
      -> std::size_t = 0;
  // Writes all bytes, or none.
  [[nodiscard]] virtual auto write_memory(unsigned vcpu, std::uint64_t address, std::span<const std::byte> bytes)
      -> bool = 0;

  // A breakpoint that exists already is not inserted twice. `size` is the number of watched bytes.
  [[nodiscard]] virtual auto insert(unsigned vcpu, BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome = 0;
  [[nodiscard]] virtual auto remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome = 0;

  // An action for each vCPU.
  virtual void resume(std::span<const Action> actions) = 0;
  // Stops the guest; the debugger is told when it stands.
  virtual void interrupt() = 0;
  // Removes all breakpoints.
  virtual void remove_all() = 0;
  virtual void kill() = 0;

  // A command that the user types (GDB's `monitor`). Returns its output, in lines.
  [[nodiscard]] virtual auto command(unsigned vcpu, std::string_view words) -> std::string = 0;

  // Constants: path and bytes of the kernel's file, and the number that is added to its addresses.
  [[nodiscard]] virtual auto file_name() const -> std::string_view = 0;
  [[nodiscard]] virtual auto file() const -> std::span<const std::byte> = 0;
  [[nodiscard]] virtual auto load_offset() const -> std::uint64_t = 0;
};

}  // namespace hermitage::vmm::debug
