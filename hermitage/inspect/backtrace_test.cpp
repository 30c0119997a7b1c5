#include "hermitage/inspect/backtrace.hpp"

#include <map>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "testing/call_frames.hpp"
#include "testing/kernels.hpp"
#include "testing/line_tables.hpp"

namespace hermitage::inspect {
namespace {

using entry::Arch;
using entry::Endian;

constexpr std::uint64_t kOffset = 0x1'2345'0000;
constexpr std::uint64_t kStack = 0x7000'0000;
constexpr std::uint64_t kFunctionSize = 0x20;
constexpr std::uint64_t kReturn = 0x15;  // after the call in each function

// A kernel of three functions a, b and c. Each of them has one call, which ends at kReturn.
class Kernel {
 public:
  Kernel() : Kernel{Arch::x86_64, kX86_64Frames, kReturn - 5, std::byte{0xe8}} {}
  // `call` is the byte that makes the instruction at this offset in each function a call.
  Kernel(Arch arch, const FrameFormat& format, std::uint64_t call_offset, std::byte call)
      : format_{format}, elf_{testing::minimal_kernel(arch, Endian::little, true)} {
    auto& code = elf_.segments.front();
    start_ = code.vaddr;
    elf_.symbols.clear();
    for (const auto* const name : {"_ZN3app1aEv", "_ZN3app1bEv", "c"}) {
      const auto begin = elf_.symbols.size() * kFunctionSize;
      code.bytes[begin + call_offset] = call;
      elf_.symbols.push_back({.name = name, .value = start_ + begin, .size = kFunctionSize});
    }
  }

  [[nodiscard]] auto elf() -> testing::Elf& { return elf_; }
  // As linked.
  [[nodiscard]] auto at(std::uint64_t function, std::uint64_t offset = 0) const -> std::uint64_t {
    return start_ + function * kFunctionSize + offset;
  }
  // In memory.
  [[nodiscard]] auto loaded(std::uint64_t function, std::uint64_t offset = kReturn) const -> std::uint64_t {
    return at(function, offset) + kOffset;
  }

  // `link`: the register with the return address, if the architecture has one.
  [[nodiscard]] auto backtrace(std::uint64_t address, std::uint64_t stack, std::uint64_t base,
                               const std::map<std::uint64_t, std::uint64_t>& memory, std::uint64_t link = 0) const
      -> std::vector<BacktraceFrame> {
    FrameRegisters registers;
    registers.values[format_.return_address] = link;
    registers.values[format_.program_counter] = address;
    registers.values[format_.stack_pointer] = stack;
    registers.values[format_.frame_pointer] = base;
    const auto bytes = write(elf_);
    const auto file = entry::ElfFile::open(bytes).value();
    return make_backtrace(file, kOffset, registers, [&](std::uint64_t word) -> std::optional<std::uint64_t> {
      const auto found = memory.find(word);
      return found == memory.end() ? std::nullopt : std::optional{found->second};
    });
  }

 private:
  FrameFormat format_;
  testing::Elf elf_;
  std::uint64_t start_ = 0;
};

auto addresses(const std::vector<BacktraceFrame>& frames) -> std::vector<std::uint64_t> {
  std::vector<std::uint64_t> result;
  for (const auto& frame : frames) result.push_back(frame.address);
  return result;
}

TEST(Backtrace, FollowsCallFrameInformation) {
  Kernel kernel;
  testing::FrameWriter writer{0, true};
  writer.common({0x0c, 7, 8, 0x90, 1});
  writer.function(kernel.at(0), 0x20, {0x0e, 32});
  writer.function(kernel.at(1), 0x20, {0x0e, 16});
  writer.function(kernel.at(2), 0x20, {0x07, 16});
  kernel.elf().extra_sections = {
      {.name = ".debug_frame", .bytes = writer.bytes()},
      {.name = ".debug_line",
       .bytes = testing::write_line_table(
           {.directories = {"src"},
            .files = {{"a.c", 0}, {"b.c", 1}},
            .sequences = {
                {{kernel.at(0), 1, 10}, {kernel.at(1), 2, 20}, {kernel.at(1, kReturn), 2, 21}, {kernel.at(2)}}}})}};
  const auto frames = kernel.backtrace(kernel.loaded(0, 3), kStack, 0,
                                       {{kStack + 24, kernel.loaded(1)}, {kStack + 40, kernel.loaded(2)}});
  EXPECT_EQ(frames, (std::vector<BacktraceFrame>{
                        {.address = kernel.loaded(0, 3), .function = "app::a()+0x3", .file = "a.c", .line = 10},
                        {.address = kernel.loaded(1), .function = "app::b()+0x15", .file = "src/b.c", .line = 20},
                        {.address = kernel.loaded(2), .function = "c+0x15"}}));
  const auto text = backtrace_text(frames);
  EXPECT_TRUE(text.starts_with("  #0  0x")) << text;
  EXPECT_TRUE(text.contains(" app::b()+0x15 at src/b.c:20\n")) << text;
}

TEST(Backtrace, FollowsFramePointers) {
  const Kernel kernel;
  const auto frames = kernel.backtrace(
      kernel.loaded(0, 3), kStack, kStack + 16,
      {{kStack + 16, kStack + 64}, {kStack + 24, kernel.loaded(1)}, {kStack + 64, 0}, {kStack + 72, kernel.loaded(2)}});
  EXPECT_EQ(addresses(frames), (std::vector{kernel.loaded(0, 3), kernel.loaded(1), kernel.loaded(2)}));
  for (const auto& frame : frames) EXPECT_FALSE(frame.is_guess);
}

TEST(Backtrace, SearchesTheStackOtherwise) {
  const Kernel kernel;
  const auto frames = kernel.backtrace(
      kernel.loaded(0, 3), kStack + 1, 99,
      {{kStack + 8, kernel.loaded(1, 3)}, {kStack + 80, kernel.loaded(1)}, {kStack + 88, kernel.loaded(2)}});
  EXPECT_EQ(addresses(frames), (std::vector{kernel.loaded(0, 3), kernel.loaded(1), kernel.loaded(2)}));
  EXPECT_FALSE(frames[0].is_guess);
  EXPECT_TRUE(frames[1].is_guess);
  EXPECT_TRUE(backtrace_text(frames).contains("#1  ? 0x")) << backtrace_text(frames);
  const auto far = kernel.backtrace(kernel.loaded(0, 3), kStack, 99, {{kStack + 8192, kernel.loaded(1)}});
  EXPECT_EQ(far.size(), 1U);
}

TEST(Backtrace, FindsTheCallerOfAJumpToNowhere) {
  const Kernel kernel;
  const auto frames = kernel.backtrace(0, kStack, 0, {{kStack, kernel.loaded(1)}});
  EXPECT_EQ(addresses(frames), (std::vector{std::uint64_t{0}, kernel.loaded(1)}));
  EXPECT_EQ(frames.front().function, "");
}

TEST(Backtrace, EndsOnHostileStacks) {
  const Kernel kernel;
  std::map<std::uint64_t, std::uint64_t> full;
  for (std::uint64_t word = 0; word < 0x10000; word += 8) full[kStack + word] = kernel.loaded(1);
  EXPECT_EQ(kernel.backtrace(kernel.loaded(0, 3), kStack, 0, full).size(), kMaxFrames);
  // Frame pointers that point to themselves.
  const auto loop = kernel.backtrace(kernel.loaded(0, 3), kStack, kStack + 16,
                                     {{kStack + 16, kStack + 16}, {kStack + 24, kernel.loaded(1)}});
  EXPECT_EQ(loop.size(), 2U);
  for (const std::uint64_t stack : {UINT64_MAX, UINT64_MAX - 7}) {
    EXPECT_EQ(kernel.backtrace(kernel.loaded(0, 3), stack, stack, {{stack, kernel.loaded(1)}}).size(), 1U);
  }
}

TEST(Backtrace, EndsWithCallFramesThatDoNotMove) {
  Kernel kernel;
  testing::FrameWriter writer{0, true};
  writer.common({0x0c, 7, 0, 0x90, 0});
  writer.function(kernel.at(0), 0x60, {});
  kernel.elf().extra_sections = {{.name = ".debug_frame", .bytes = writer.bytes()}};
  EXPECT_EQ(kernel.backtrace(kernel.loaded(0, 3), kStack, 0, {{kStack, kernel.loaded(1)}}).size(), 1U);
}

// `bl` ends at 0x14 in each function. Its highest byte is the last one of the instruction.
auto arm_kernel() -> Kernel {
  return {Arch::aarch64, kAarch64Frames, 0x13, std::byte{0x94}};
}
constexpr std::uint64_t kArmReturn = 0x14;

TEST(Backtrace, FollowsTheLinkRegister) {
  auto kernel = arm_kernel();
  testing::FrameWriter writer{0, true, kAarch64Frames.return_address};
  writer.common({0x0c, 31, 0});
  writer.function(kernel.at(0), 0x20, {});
  writer.function(kernel.at(1), 0x20, {0x0e, 16, 0x9d, 2, 0x9e, 1});
  writer.function(kernel.at(2), 0x20, {0x07, 30});
  kernel.elf().extra_sections = {{.name = ".debug_frame", .bytes = writer.bytes()}};
  const auto frames = kernel.backtrace(kernel.loaded(0, 4), kStack, 0, {{kStack + 8, kernel.loaded(2, kArmReturn)}},
                                       kernel.loaded(1, kArmReturn));
  EXPECT_EQ(frames, (std::vector<BacktraceFrame>{{.address = kernel.loaded(0, 4), .function = "app::a()+0x4"},
                                                 {.address = kernel.loaded(1, kArmReturn), .function = "app::b()+0x14"},
                                                 {.address = kernel.loaded(2, kArmReturn), .function = "c+0x14"}}));
  // Only the innermost function can have no frame.
  const auto stays = kernel.backtrace(kernel.loaded(0, 4), kStack, 0, {}, kernel.loaded(0, kArmReturn));
  EXPECT_EQ(addresses(stays), (std::vector{kernel.loaded(0, 4), kernel.loaded(0, kArmReturn)}));
}

TEST(Backtrace, FollowsFrameRecordsAndCallsOfNothing) {
  const auto kernel = arm_kernel();
  const auto frames = kernel.backtrace(0, kStack, kStack + 16,
                                       {{kStack + 16, kStack + 64},
                                        {kStack + 24, kernel.loaded(1, kArmReturn)},
                                        {kStack + 64, 0},
                                        {kStack + 72, kernel.loaded(2, kArmReturn)}},
                                       kernel.loaded(0, kArmReturn));
  EXPECT_EQ(addresses(frames), (std::vector{std::uint64_t{0}, kernel.loaded(0, kArmReturn),
                                            kernel.loaded(1, kArmReturn), kernel.loaded(2, kArmReturn)}));
  const auto wrong = kernel.backtrace(0, kStack, 0, {}, kernel.loaded(0, kArmReturn + 4));
  EXPECT_EQ(addresses(wrong), (std::vector{std::uint64_t{0}})) << "X30 does not follow a call";
}

TEST(Backtrace, IsEmptyForOtherArchitectures) {
  const auto bytes = write(testing::minimal_kernel(Arch::riscv64, Endian::little, true));
  FrameRegisters registers;
  registers.values.fill(0x1234);
  const auto file = entry::ElfFile::open(bytes).value();
  const auto read = [](std::uint64_t) -> std::optional<std::uint64_t> { return 0; };
  EXPECT_TRUE(make_backtrace(file, 0, registers, read).empty());
}

TEST(Backtrace, SteersNoTerminal) {
  const auto text = backtrace_text({{.address = 1, .function = "\x1b[2J\nevil", .file = "\x1b", .line = 2}});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

}  // namespace
}  // namespace hermitage::inspect
