// Finds the callers of functions by call frame information: .eh_frame (LSB 5.0, 10.6) and .debug_frame (DWARF 5, 6.4).
// For x86_64.
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

// The registers of a function at an instruction, in DWARF's order: RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8 to R15,
// RIP. Nothing for a register that the called functions may have changed.
struct FrameRegisters {
  static constexpr std::size_t kBasePointer = 6;
  static constexpr std::size_t kStackPointer = 7;
  static constexpr std::size_t kProgramCounter = 16;
  static constexpr std::size_t kCount = 17;

  std::array<std::optional<std::uint64_t>, kCount> values = {};

  friend auto operator==(const FrameRegisters&, const FrameRegisters&) -> bool = default;
};

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
  CallFrames(const FrameSections& sections, Budget& budget);
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
    std::uint64_t return_register = FrameRegisters::kProgramCounter;
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
  [[nodiscard]] static auto read_common(entry::ByteView bytes) -> std::optional<Common>;
  void read_function(const Common& common, entry::ByteView bytes, std::uint64_t bytes_address, Budget& budget);
  [[nodiscard]] auto function_at(std::uint64_t address) const -> const Function*;

  std::map<std::uint64_t, Common> commons_;  // by the section and the offset in it; the addresses are stable
  std::vector<Function> functions_;          // sorted by `begin`
};

}  // namespace hermitage::inspect
