// Makes backtraces from any bytes: as call frame information, as a kernel's file, as registers and as a stack.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/elf_file.hpp"
#include "hermitage/inspect/backtrace.hpp"
#include "hermitage/inspect/call_frames.hpp"

namespace {

using namespace hermitage;

void check_text(const std::vector<inspect::BacktraceFrame>& frames) {
  if (frames.size() > inspect::kMaxFrames) __builtin_trap();
  const auto text = inspect::backtrace_text(frames);
  const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
  if (lines != frames.size()) __builtin_trap();
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  const auto bytes = std::as_bytes(std::span{data, size});
  const entry::ByteView view{bytes, entry::Endian::little};
  // The stack is at address 0, and all registers point into it or to the code of small files.
  const auto read = [&](std::uint64_t address) -> std::optional<std::uint64_t> {
    if (!entry::range_fits(address, sizeof(std::uint64_t), size)) return std::nullopt;
    return view.get<std::uint64_t>(address);
  };
  inspect::FrameRegisters registers;
  for (std::size_t i = 0; i < registers.values.size(); ++i) {
    registers.values[i] = i < size ? std::to_integer<std::uint64_t>(bytes[i]) : 0;
  }
  for (const auto& format : {inspect::kX86_64Frames, inspect::kAarch64Frames}) {
    inspect::Budget budget{size};
    const inspect::CallFrames frames{{.eh_frame = view, .eh_frame_address = 0, .debug_frame = view}, format, budget};
    for (std::uint64_t address = 0; address < 64; ++address) {
      [[maybe_unused]] const auto caller = frames.caller_of(address * 16, registers, read);
    }
  }
  if (const auto file = entry::ElfFile::open(bytes)) {
    for (const auto segment : file->segments()) {
      for (const auto& format : {inspect::kX86_64Frames, inspect::kAarch64Frames}) {
        registers.values[format.program_counter] = segment.vaddr + 1;
      }
      check_text(inspect::make_backtrace(*file, 0, registers, read));
      break;
    }
    check_text(inspect::make_backtrace(*file, size, registers, read));
  }
  return 0;
}
