// Finds the callers of functions by call frame information: .eh_frame (LSB 5.0, 10.6) and .debug_frame (DWARF 5, 6.4).
// For x86_64 and aarch64.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/inspect/budget.hpp"

namespace hermitage::inspect {

// The registers of a function at an instruction, in DWARF's order. Nothing for a register that the called functions may
// have changed.
//   x86_64   RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8 to R15, RIP (System V ABI for AMD64, figure 3.36)
//   aarch64  X0 to X30, SP, PC (DWARF for the Arm 64-bit Architecture, 4.1)
struct FrameRegisters {
  static constexpr std::size_t kMaxCount = 33;

  std::array<std::optional<std::uint64_t>, kMaxCount> values = {};

  friend auto operator==(const FrameRegisters&, const FrameRegisters&) -> bool = default;
};

// The numbers of an architecture's registers that have a meaning of their own.
struct FrameFormat {
  std::size_t frame_pointer = 0;
  std::size_t stack_pointer = 0;
  std::size_t program_counter = 0;
  std::size_t return_address = 0;  // the register that a call sets, or the program counter if a call uses the stack
  std::size_t count = 0;

  [[nodiscard]] constexpr auto has_link_register() const noexcept -> bool { return return_address != program_counter; }
};
inline constexpr FrameFormat kX86_64Frames{
    .frame_pointer = 6, .stack_pointer = 7, .program_counter = 16, .return_address = 16, .count = 17};
inline constexpr FrameFormat kAarch64Frames{
    .frame_pointer = 29, .stack_pointer = 31, .program_counter = 32, .return_address = 30, .count = 33};

// Reads 8 bytes of the stack. Returns nothing for any address that cannot be read.
using ReadWord = std::function<std::optional<std::uint64_t>(std::uint64_t address)>;

struct FrameSections {
  entry::ByteView eh_frame;
  std::uint64_t eh_frame_address = 0;  // as linked
  entry::ByteView debug_frame;
};

class CallFrames {
 public:
  // Reads each section once, up to its first error. Omits descriptions of unknown kinds, and all that exceeds the
  // budget. The sections must outlive the object.
  CallFrames(const FrameSections& sections, const FrameFormat& format, Budget& budget);
  CallFrames(const CallFrames&) = delete;
  auto operator=(const CallFrames&) -> CallFrames& = delete;
  ~CallFrames() = default;

  enum class Outcome : std::uint8_t {
    found,
    outermost,  // the function has no caller
    unknown,    // there is no description, or it needs a register or memory that cannot be read
  };
  struct Caller {
    Outcome outcome = Outcome::unknown;
    FrameRegisters registers = {};  // with `found`: those after the return
  };

  // Finds the caller of the function at `address`, as linked: that of the program counter, or, for a return address,
  // of the byte before it. Executes at most kMaxInstructionBytes of instructions.
  [[nodiscard]] auto caller_of(std::uint64_t address, const FrameRegisters& registers, const ReadWord& read) const
      -> Caller;

  static constexpr std::size_t kMaxInstructionBytes = 65'536;

 private:
  // A Common Information Entry.
  struct Common {
    std::uint64_t code_step = 1;
    std::int64_t data_step = 1;
    std::uint8_t encoding = 0;  // of addresses
    bool has_augmentation = false;
    entry::ByteView instructions = {};
  };
  // A Frame Description Entry.
  struct Function {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    const Common* common = nullptr;
    entry::ByteView instructions = {};
  };
  enum class Format : std::uint8_t { eh_frame, debug_frame };

  void read(entry::ByteView section, std::uint64_t section_address, Format format, Budget& budget);
  [[nodiscard]] auto read_common(entry::ByteView bytes) const -> std::optional<Common>;
  void read_function(const Common& common, entry::ByteView bytes, std::uint64_t bytes_address, Budget& budget);
  [[nodiscard]] auto function_at(std::uint64_t address) const -> const Function*;

  FrameFormat format_;
  std::map<std::uint64_t, Common> commons_;  // by the section and the offset in it; the addresses are stable
  std::vector<Function> functions_;          // sorted by `begin`
};

}  // namespace hermitage::inspect
