// The functions that were active when a kernel crashed, with their source lines. For x86_64 and aarch64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hermitage/entry/elf_file.hpp"
#include "hermitage/inspect/call_frames.hpp"

namespace hermitage::inspect {

struct BacktraceFrame {
  std::uint64_t address = 0;  // the program counter, or a return address
  std::string function = {};  // demangled, with an offset: "main+0x12"; empty: no symbol contains it
  std::string file = {};      // empty: not known
  std::uint32_t line = 0;     // 0: not known
  // The frame was not found by unwind information or a frame pointer. A return address on the stack that follows a
  // call was taken, which can also be the rest of an earlier call.
  bool is_guess = false;

  friend auto operator==(const BacktraceFrame&, const BacktraceFrame&) -> bool = default;
};

// The largest number of frames.
inline constexpr std::size_t kMaxFrames = 64;

// Returns the frames, with the innermost first. It is the first even if its address is not in the kernel. `load_offset`
// is the difference between addresses in memory and in the file. Each frame is at a higher stack address than the one
// before it, so the result is finite for any stack.
//
// The caller of a function is found by .eh_frame and .debug_frame, otherwise by the frame pointer, otherwise by a
// search of 8 KiB of stack. Empty for other architectures.
[[nodiscard]] auto make_backtrace(const entry::ElfFile& file, std::uint64_t load_offset,
                                  const FrameRegisters& registers, const ReadWord& read) -> std::vector<BacktraceFrame>;

// One line for each frame:
//   #0 0x1542416d4 app::fail(unsigned long)+0x14 at src/main.rs:12
// A guess has "?" before its address. No control characters.
[[nodiscard]] auto backtrace_text(const std::vector<BacktraceFrame>& frames) -> std::string;

}  // namespace hermitage::inspect
