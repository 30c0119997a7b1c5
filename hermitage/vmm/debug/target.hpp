// What a debugger works on: a guest whose vCPUs can be stopped.
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

// Everything but interrupt() and the constants is for a guest that stands. vCPUs are counted from 0.
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

  // Guest-virtual addresses, by the vCPU's page tables. How many bytes there are up to the first that is not there.
  [[nodiscard]] virtual auto read_memory(unsigned vcpu, std::uint64_t address, std::span<std::byte> bytes)
      -> std::size_t = 0;
  // All of the bytes, or none.
  [[nodiscard]] virtual auto write_memory(unsigned vcpu, std::uint64_t address, std::span<const std::byte> bytes)
      -> bool = 0;

  // What is there already counts once. `size` is in bytes, of what is watched.
  [[nodiscard]] virtual auto insert(unsigned vcpu, BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome = 0;
  [[nodiscard]] virtual auto remove(BreakpointKind kind, std::uint64_t address, std::uint64_t size)
      -> BreakpointOutcome = 0;

  // An action for each vCPU.
  virtual void resume(std::span<const Action> actions) = 0;
  // The guest stands soon, and the debugger hears of it.
  virtual void interrupt() = 0;
  // Takes all breakpoints out.
  virtual void remove_all() = 0;
  virtual void kill() = 0;

  // What a person asks for, by a command of their own; an answer of several lines.
  [[nodiscard]] virtual auto command(unsigned vcpu, std::string_view words) -> std::string = 0;

  // Constants. The file of the kernel, by its path and its bytes, and what is added to its addresses.
  [[nodiscard]] virtual auto file_name() const -> std::string_view = 0;
  [[nodiscard]] virtual auto file() const -> std::span<const std::byte> = 0;
  [[nodiscard]] virtual auto load_offset() const -> std::uint64_t = 0;
};

}  // namespace hermitage::vmm::debug
