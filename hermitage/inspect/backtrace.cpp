#include "hermitage/inspect/backtrace.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string_view>

#include <fmt/format.h>

#include "hermitage/entry/arch.hpp"
#include "hermitage/inspect/demangle.hpp"
#include "hermitage/inspect/line_table.hpp"
#include "hermitage/inspect/names.hpp"
#include "hermitage/inspect/quantities.hpp"

namespace hermitage::inspect {
namespace {

constexpr std::uint64_t kWordSize = 8;
constexpr std::uint64_t kSearchedSize = 8192;  // bytes of the stack

// Finds sections by name.
class Sections {
 public:
  explicit Sections(const entry::ElfFile& file) : file_{file}, names_{text_of_names(file)} {}

  [[nodiscard]] auto find(std::string_view wanted) -> std::optional<entry::elf::Section> {
    for (const auto section : file_.sections()) {
      if ((section.flags & entry::elf::kSectionCompressed) == 0 && names_.at(section.name) == wanted) return section;
    }
    return std::nullopt;
  }
  [[nodiscard]] auto bytes(std::string_view wanted) -> entry::ByteView {
    const auto section = find(wanted);
    return section ? file_.section_bytes(*section) : entry::ByteView{{}, file_.endian()};
  }

 private:
  static auto text_of_names(const entry::ElfFile& file) -> std::string_view {
    const auto sections = file.sections();
    const auto strings = file.header().shstrndx;
    return strings < sections.size() ? file.section_bytes(sections[strings]).text() : std::string_view{};
  }

  const entry::ElfFile& file_;
  StringTable names_;
};

auto frame_sections(const entry::ElfFile& file) -> FrameSections {
  Sections sections{file};
  FrameSections result{.eh_frame = {}, .eh_frame_address = 0, .debug_frame = sections.bytes(".debug_frame")};
  if (const auto section = sections.find(".eh_frame")) {
    result.eh_frame = file.section_bytes(*section);
    result.eh_frame_address = section->addr;
  }
  return result;
}

// Whether bytes can end with `call rel32` or `call r/m64`.
auto ends_with_x86_64_call(std::span<const std::byte> bytes) -> bool {
  constexpr std::byte kCallRelative{0xe8};
  constexpr std::size_t kRelativeSize = 5;
  constexpr std::byte kGroup5{0xff};
  const auto before = [&](std::size_t distance) { return bytes[bytes.size() - distance]; };
  if (before(kRelativeSize) == kCallRelative) return true;
  return std::ranges::any_of(std::array{2, 3, 4, 6, 7}, [&](std::size_t size) {
    // The operation is in bits 3 to 5 of the next byte: 2 is a call.
    return before(size) == kGroup5 && (std::to_integer<unsigned>(before(size - 1)) >> 3 & 7) == 2;
  });
}

// Whether bytes end with `bl` or `blr`. Instructions are little-endian in all kernels.
auto ends_with_aarch64_call(std::span<const std::byte> bytes) -> bool {
  const entry::ByteView code{bytes, entry::Endian::little};
  const auto instruction = code.get<std::uint32_t>(bytes.size() - sizeof(std::uint32_t));
  return (instruction & 0xfc00'0000) == 0x9400'0000 || (instruction & 0xffff'fc1f) == 0xd63f'0000;
}

// How functions call each other on an architecture.
struct CallingRules {
  FrameFormat format;
  std::size_t longest_call = 0;  // bytes
  bool (*ends_with_call)(std::span<const std::byte> bytes) = nullptr;
};
constexpr CallingRules kX86_64Calls{
    .format = kX86_64Frames, .longest_call = 7, .ends_with_call = ends_with_x86_64_call};
constexpr CallingRules kAarch64Calls{
    .format = kAarch64Frames, .longest_call = 4, .ends_with_call = ends_with_aarch64_call};

// Null for architectures whose frames are not known.
auto calling_rules(std::optional<entry::Arch> arch) -> const CallingRules* {
  if (arch == entry::Arch::x86_64) return &kX86_64Calls;
  return arch == entry::Arch::aarch64 ? &kAarch64Calls : nullptr;
}

// The code of the kernel. Addresses are as linked.
class Code {
 public:
  Code(const entry::ElfFile& file, const CallingRules& rules) : rules_{rules} {
    for (const auto segment : file.segments()) {
      const bool is_code = segment.type == entry::elf::kSegmentLoad && (segment.flags & entry::elf::kFlagExecute) != 0;
      if (!is_code || segments_.size() == kMaxSegments) continue;
      segments_.push_back({.begin = segment.vaddr, .bytes = file.segment_bytes(segment).bytes()});
    }
  }

  [[nodiscard]] auto contains(std::uint64_t address) const -> bool { return !bytes_from(address, 1).empty(); }

  // Whether the instruction before the address can be a call.
  [[nodiscard]] auto follows_call(std::uint64_t address) const -> bool {
    const auto bytes = bytes_from(address - rules_.longest_call, rules_.longest_call);
    return !bytes.empty() && rules_.ends_with_call(bytes);
  }

 private:
  static constexpr std::size_t kMaxSegments = 64;

  struct Segment {
    std::uint64_t begin = 0;
    std::span<const std::byte> bytes = {};
  };

  // Empty if no segment contains all of them.
  [[nodiscard]] auto bytes_from(std::uint64_t address, std::size_t size) const -> std::span<const std::byte> {
    for (const auto& segment : segments_) {
      const auto offset = address - segment.begin;  // wraps to a large value below the segment
      if (entry::range_fits(offset, size, segment.bytes.size())) return segment.bytes.subspan(offset, size);
    }
    return {};
  }

  const CallingRules& rules_;
  std::vector<Segment> segments_;
};

class Unwinder {
 public:
  Unwinder(const entry::ElfFile& file, const CallingRules& rules, std::uint64_t load_offset, const ReadWord& read,
           Budget& budget)
      : format_{rules.format},
        code_{file, rules},
        frames_{frame_sections(file), rules.format, budget},
        load_offset_{load_offset},
        read_{read} {}

  [[nodiscard]] auto unwind(FrameRegisters registers) const -> std::vector<BacktraceFrame> {
    std::vector<BacktraceFrame> result;
    bool is_guess = false;
    while (result.size() < kMaxFrames) {
      const auto address = registers.values[format_.program_counter];
      if (!address) break;
      result.push_back({.address = *address, .is_guess = is_guess});
      const auto caller = caller_of(registers, result.size() == 1, is_guess);
      if (!caller) break;
      registers = *caller;
    }
    return result;
  }

 private:
  [[nodiscard]] auto caller_of(const FrameRegisters& registers, bool is_first, bool& is_guess) const
      -> std::optional<FrameRegisters> {
    const auto linked = *registers.values[format_.program_counter] - load_offset_;
    is_guess = false;
    if (is_first && !code_.contains(linked)) return return_from_call(registers);
    // A call can be the last instruction of a function, so its return address can be in the next function.
    auto [outcome, caller] = frames_.caller_of(is_first ? linked : linked - 1, registers, read_);
    if (outcome == CallFrames::Outcome::outermost) return std::nullopt;
    if (outcome == CallFrames::Outcome::found) {
      // Only the innermost function can have no frame. It does not change the stack pointer.
      const bool can_stay = is_first && format_.has_link_register();
      const bool is_valid = is_above(registers, caller) || (can_stay && has_same_stack(registers, caller));
      return is_valid && is_code(caller) ? std::optional{caller} : std::nullopt;
    }
    if (const auto found = by_frame_pointer(registers)) return found;
    is_guess = true;
    return by_search(registers);
  }

  // A call of a wrong address: the return address is in its register, or at the top of the stack.
  [[nodiscard]] auto return_from_call(const FrameRegisters& registers) const -> std::optional<FrameRegisters> {
    const auto stack = registers.values[format_.stack_pointer];
    if (!stack) return std::nullopt;
    if (!format_.has_link_register()) return returned(registers, *stack);
    const auto target = registers.values[format_.return_address];
    if (!target || !code_.follows_call(*target - load_offset_)) return std::nullopt;
    auto caller = registers;
    caller.values[format_.program_counter] = target;
    return caller;
  }

  [[nodiscard]] auto by_frame_pointer(const FrameRegisters& registers) const -> std::optional<FrameRegisters> {
    const auto stack = registers.values[format_.stack_pointer];
    const auto base = registers.values[format_.frame_pointer];
    if (!stack || !base || *base < *stack || *base % kWordSize != 0) return std::nullopt;
    const auto saved = read_(*base);
    auto caller = returned(registers, *base + kWordSize);
    if (!saved || !caller) return std::nullopt;
    caller->values[format_.frame_pointer] = saved;
    return caller;
  }

  [[nodiscard]] auto by_search(const FrameRegisters& registers) const -> std::optional<FrameRegisters> {
    const auto stack = registers.values[format_.stack_pointer];
    if (!stack) return std::nullopt;
    const auto begin = (*stack + kWordSize - 1) & ~(kWordSize - 1);
    for (std::uint64_t offset = 0; offset < kSearchedSize; offset += kWordSize) {
      if (const auto caller = returned(registers, begin + offset)) return caller;
    }
    return std::nullopt;
  }

  // The registers after a return with the return address at `address`, which must follow a call.
  [[nodiscard]] auto returned(const FrameRegisters& registers, std::uint64_t address) const
      -> std::optional<FrameRegisters> {
    const auto target = read_(address);
    if (!target || !code_.follows_call(*target - load_offset_)) return std::nullopt;
    auto caller = registers;
    caller.values[format_.program_counter] = target;
    caller.values[format_.stack_pointer] = address + kWordSize;
    if (!is_above(registers, caller)) return std::nullopt;
    return caller;
  }

  [[nodiscard]] auto is_above(const FrameRegisters& registers, const FrameRegisters& caller) const -> bool {
    const auto stack = registers.values[format_.stack_pointer];
    const auto next = caller.values[format_.stack_pointer];
    return stack && next && *next > *stack;
  }
  [[nodiscard]] auto has_same_stack(const FrameRegisters& registers, const FrameRegisters& caller) const -> bool {
    return registers.values[format_.stack_pointer] == caller.values[format_.stack_pointer];
  }

  [[nodiscard]] auto is_code(const FrameRegisters& caller) const -> bool {
    return code_.contains(*caller.values[format_.program_counter] - load_offset_ - 1);
  }

  FrameFormat format_;
  Code code_;
  CallFrames frames_;
  std::uint64_t load_offset_;
  const ReadWord& read_;
};

// The addresses, as linked, of the instructions that the frames execute.
auto linked_addresses(const std::vector<BacktraceFrame>& frames, std::uint64_t load_offset)
    -> std::vector<std::uint64_t> {
  std::vector<std::uint64_t> addresses;
  addresses.reserve(frames.size());
  for (const auto& frame : frames) {
    addresses.push_back(frame.address - load_offset - (addresses.empty() ? 0 : 1));
  }
  return addresses;
}

void add_functions(const entry::ElfFile& file, const std::vector<std::uint64_t>& linked,
                   std::vector<BacktraceFrame>& frames) {
  const auto symbols = file.symbols();
  std::vector<std::optional<entry::elf::Symbol>> found(frames.size());
  for (const auto symbol : symbols.symbols()) {
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (!found[i] && linked[i] - symbol.value < symbol.size) found[i] = symbol;
    }
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!found[i]) continue;
    const auto offset = linked[i] + (i == 0 ? 0 : 1) - found[i]->value;
    frames[i].function = fmt::format("{}+{:#x}", shortened(demangle(symbols.name(*found[i]))), offset);
  }
}

void add_lines(const entry::ElfFile& file, const std::vector<std::uint64_t>& linked, Budget& budget,
               std::vector<BacktraceFrame>& frames) {
  Sections sections{file};
  const LineSections tables{.line = sections.bytes(".debug_line"),
                            .line_string = sections.bytes(".debug_line_str").text(),
                            .string = sections.bytes(".debug_str").text()};
  auto lines = find_lines(tables, linked, budget);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    frames[i].file = std::move(lines[i].file);
    frames[i].line = lines[i].line;
  }
}

}  // namespace

auto make_backtrace(const entry::ElfFile& file, std::uint64_t load_offset, const FrameRegisters& registers,
                    const ReadWord& read) -> std::vector<BacktraceFrame> {
  const auto* const rules = calling_rules(entry::arch_of_machine(file.header().machine));
  if (rules == nullptr || !registers.values[rules->format.program_counter]) return {};
  Budget budget{file.bytes().size()};
  auto frames = Unwinder{file, *rules, load_offset, read, budget}.unwind(registers);
  const auto linked = linked_addresses(frames, load_offset);
  add_functions(file, linked, frames);
  add_lines(file, linked, budget, frames);
  return frames;
}

auto backtrace_text(const std::vector<BacktraceFrame>& frames) -> std::string {
  std::string text;
  for (std::size_t number = 0; number < frames.size(); ++number) {
    const auto& frame = frames[number];
    text += fmt::format("  #{:<2} {}{:#x}", number, frame.is_guess ? "? " : "", frame.address);
    if (!frame.function.empty()) text += fmt::format(" {}", printable(frame.function));
    if (!frame.file.empty()) text += fmt::format(" at {}", printable(frame.file));
    if (!frame.file.empty() && frame.line != 0) text += fmt::format(":{}", frame.line);
    text += '\n';
  }
  return text;
}

}  // namespace hermitage::inspect
