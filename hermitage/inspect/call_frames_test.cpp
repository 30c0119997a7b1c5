#include "hermitage/inspect/call_frames.hpp"

#include <map>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "testing/call_frames.hpp"

namespace hermitage::inspect {
namespace {

using entry::ByteView;
using entry::Endian;
using testing::FrameWriter;
using Outcome = CallFrames::Outcome;

constexpr auto& kFormat = kX86_64Frames;

constexpr std::uint64_t kSectionAddress = 0x3000;
constexpr std::uint64_t kFunction = 0x1000;
constexpr std::uint64_t kStack = 0x8000;

using Memory = std::map<std::uint64_t, std::uint64_t>;

auto reader(const Memory& memory) -> ReadWord {
  return [&memory](std::uint64_t address) -> std::optional<std::uint64_t> {
    const auto found = memory.find(address);
    if (found == memory.end()) return std::nullopt;
    return found->second;
  };
}

auto registers(std::uint64_t stack, std::uint64_t base) -> FrameRegisters {
  FrameRegisters result;
  result.values[kFormat.stack_pointer] = stack;
  result.values[kFormat.frame_pointer] = base;
  return result;
}

auto eh_frame(std::span<const std::byte> bytes) -> FrameSections {
  return {.eh_frame = {bytes, Endian::little}, .eh_frame_address = kSectionAddress, .debug_frame = {}};
}

// A function that saves RBP, and makes it its frame pointer.
auto usual_frames(bool is_debug_frame = false) -> std::vector<std::byte> {
  FrameWriter writer{kSectionAddress, is_debug_frame};
  writer.common({0x0c, 7, 8, 0x90, 1});
  writer.function(kFunction, 0x20, {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x5b, 0x0c, 7, 8});
  writer.end();
  return writer.bytes();
}

TEST(CallFrames, FollowTheStackPointerAndTheFramePointer) {
  for (const bool is_debug_frame : {false, true}) {
    const auto bytes = usual_frames(is_debug_frame);
    Budget budget{bytes.size()};
    const auto sections =
        is_debug_frame ? FrameSections{.eh_frame = {}, .eh_frame_address = 0, .debug_frame = {bytes, Endian::little}}
                       : eh_frame(bytes);
    const CallFrames frames{sections, kFormat, budget};
    const Memory memory{{kStack, 0xaaa}, {kStack + 8, 0xbbb}, {kStack + 16, 0xccc}};
    const auto caller = [&](std::uint64_t offset, std::uint64_t stack, std::uint64_t base) {
      return frames.caller_of(kFunction + offset, registers(stack, base), reader(memory));
    };
    const auto at_entry = caller(0, kStack, 7);
    ASSERT_EQ(at_entry.outcome, Outcome::found);
    EXPECT_EQ(at_entry.registers.values[kFormat.program_counter], 0xaaaU);
    EXPECT_EQ(at_entry.registers.values[kFormat.stack_pointer], kStack + 8);
    EXPECT_EQ(at_entry.registers.values[kFormat.frame_pointer], 7U);
    const auto after_push = caller(1, kStack, 7);
    EXPECT_EQ(after_push.registers.values[kFormat.program_counter], 0xbbbU);
    EXPECT_EQ(after_push.registers.values[kFormat.frame_pointer], 0xaaaU);
    const auto in_body = caller(0x10, 1, kStack + 8);
    EXPECT_EQ(in_body.registers.values[kFormat.program_counter], 0xcccU);
    EXPECT_EQ(in_body.registers.values[kFormat.stack_pointer], kStack + 24);
    EXPECT_EQ(caller(0x1f, kStack, 7).registers.values[kFormat.program_counter], 0xaaaU);
    EXPECT_EQ(caller(0x20, kStack, 7).outcome, Outcome::unknown) << "after the function";
    EXPECT_EQ(caller(UINT64_MAX, kStack, 7).outcome, Outcome::unknown) << "before it";
    EXPECT_EQ(caller(0, 1, 7).outcome, Outcome::unknown) << "the return address cannot be read";
  }
}

auto caller_after(const std::vector<std::uint8_t>& instructions, const Memory& memory = {{kStack, 0xaaa}})
    -> CallFrames::Caller {
  FrameWriter writer{kSectionAddress, false};
  writer.common({0x0c, 7, 8, 0x90, 1});
  writer.function(kFunction, 0x20, instructions);
  const auto bytes = writer.bytes();
  Budget budget{bytes.size()};
  return CallFrames{eh_frame(bytes), kFormat, budget}.caller_of(kFunction + 1, registers(kStack, 7), reader(memory));
}

TEST(CallFrames, KnowTheInstructions) {
  EXPECT_EQ(caller_after({0x07, 16}).outcome, Outcome::outermost);
  EXPECT_EQ(caller_after({0x07, 6}).registers.values[kFormat.frame_pointer], std::nullopt) << "undefined";
  EXPECT_EQ(caller_after({0x14, 6, 1}).registers.values[kFormat.frame_pointer], kStack) << "value";
  EXPECT_EQ(caller_after({0x15, 6, 0x7f}).registers.values[kFormat.frame_pointer], kStack + 16);
  EXPECT_EQ(caller_after({0x09, 6, 7}).registers.values[kFormat.frame_pointer], kStack) << "in RSP";
  EXPECT_EQ(caller_after({0x09, 6, 99}).registers.values[kFormat.frame_pointer], std::nullopt);
  EXPECT_EQ(caller_after({0x11, 6, 1}).registers.values[kFormat.frame_pointer], 0xaaaU) << "saved, signed";
  EXPECT_EQ(caller_after({0x86, 1, 0xc6}).registers.values[kFormat.frame_pointer], 7U) << "restored";
  EXPECT_EQ(caller_after({0x0a, 0x0e, 99, 0x0b}).outcome, Outcome::found) << "remembered state";
  EXPECT_EQ(caller_after({0x05, 99, 1, 0x2e, 16, 0x00}).outcome, Outcome::found) << "other registers";
  EXPECT_EQ(caller_after({0x10, 6, 2, 1, 2}).registers.values[kFormat.frame_pointer], std::nullopt) << "expression";
  EXPECT_EQ(caller_after({0x0f, 2, 1, 2}).outcome, Outcome::unknown) << "CFA by an expression";
  EXPECT_EQ(caller_after({0x12, 7, 0x7f}, {{kStack, 0xaaa}}).registers.values[kFormat.program_counter], 0xaaaU);
  EXPECT_EQ(caller_after({0x42, 0x3f}).outcome, Outcome::found) << "an unknown instruction of a later address";
}

TEST(CallFrames, RefuseMalformedInstructions) {
  EXPECT_EQ(caller_after({0x3f}).outcome, Outcome::unknown);
  EXPECT_EQ(caller_after({0x0b}).outcome, Outcome::unknown) << "no remembered state";
  EXPECT_EQ(caller_after(std::vector<std::uint8_t>(65, 0x0a)).outcome, Outcome::unknown) << "too many states";
  EXPECT_EQ(caller_after({0x0e, 0x80}).outcome, Outcome::unknown) << "truncated";
  EXPECT_EQ(caller_after({0x0f, 0x7f}).outcome, Outcome::unknown);
  EXPECT_EQ(caller_after({0x0c, 99, 8}).outcome, Outcome::unknown) << "CFA of an unknown register";
  EXPECT_EQ(caller_after(std::vector<std::uint8_t>(CallFrames::kMaxInstructionBytes + 1)).outcome, Outcome::unknown);
}

TEST(CallFrames, SurviveTruncatedSections) {
  const auto bytes = usual_frames();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Budget budget{size};
    const CallFrames frames{eh_frame(std::span{bytes}.first(size)), kFormat, budget};
    [[maybe_unused]] const auto caller = frames.caller_of(kFunction, registers(kStack, 7), reader({}));
  }
}

TEST(CallFrames, SurviveChangedBytes) {
  const auto good = usual_frames();
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned value = 0; value < 256; ++value) {
      auto bytes = good;
      bytes[at] = static_cast<std::byte>(value);
      Budget budget{bytes.size()};
      const CallFrames frames{eh_frame(bytes), kFormat, budget};
      for (const auto offset : {0U, 1U, 0x1fU}) {
        [[maybe_unused]] const auto caller =
            frames.caller_of(kFunction + offset, registers(kStack, 7), reader({{kStack, 1}}));
      }
    }
  }
}

// aarch64: a call sets X30, which a function with a frame saves with X29.
TEST(CallFrames, FollowTheLinkRegister) {
  constexpr auto& kArm = kAarch64Frames;
  FrameWriter writer{kSectionAddress, false, kArm.return_address};
  writer.common({0x0c, 31, 0});
  writer.function(kFunction, 0x20, {0x44, 0x0e, 32, 0x9d, 4, 0x9e, 3, 0x58, 0xdd, 0xde, 0x0e, 0});
  writer.function(kFunction + 0x20, 0x20, {0x07, 30});
  const auto bytes = writer.bytes();
  Budget budget{bytes.size()};
  const CallFrames frames{eh_frame(bytes), kArm, budget};
  FrameRegisters registers;
  registers.values[kArm.stack_pointer] = kStack;
  registers.values[kArm.frame_pointer] = 7;
  registers.values[kArm.return_address] = 0xaaa;
  registers.values[kArm.program_counter] = 1;
  const Memory memory{{kStack, 0xbbb}, {kStack + 8, 0xccc}};
  const auto caller = [&](std::uint64_t offset) {
    return frames.caller_of(kFunction + offset, registers, reader(memory));
  };
  for (const auto offset : {0U, 0x1cU}) {
    const auto without_frame = caller(offset);
    ASSERT_EQ(without_frame.outcome, Outcome::found);
    EXPECT_EQ(without_frame.registers.values[kArm.program_counter], 0xaaaU);
    EXPECT_EQ(without_frame.registers.values[kArm.stack_pointer], kStack);
    EXPECT_EQ(without_frame.registers.values[kArm.frame_pointer], 7U);
  }
  const auto with_frame = caller(4);
  ASSERT_EQ(with_frame.outcome, Outcome::found);
  EXPECT_EQ(with_frame.registers.values[kArm.program_counter], 0xcccU);
  EXPECT_EQ(with_frame.registers.values[kArm.stack_pointer], kStack + 32);
  EXPECT_EQ(with_frame.registers.values[kArm.frame_pointer], 0xbbbU);
  EXPECT_EQ(caller(0x20).outcome, Outcome::outermost);
  Budget another{bytes.size()};
  EXPECT_EQ((CallFrames{eh_frame(bytes), kFormat, another}.caller_of(kFunction, registers, reader(memory)).outcome),
            Outcome::unknown)
      << "the return address is in a register that x86_64 does not have";
}

// A description can name any place as its common entry.
TEST(CallFrames, AcceptOnlyCommonEntriesBeforeTheirFunctions) {
  FrameWriter writer{kSectionAddress, false};
  writer.function(kFunction, 0x20, {});
  writer.common({0x0c, 7, 8, 0x90, 1});
  const auto bytes = writer.bytes();
  Budget budget{bytes.size()};
  const CallFrames frames{eh_frame(bytes), kFormat, budget};
  EXPECT_EQ(frames.caller_of(kFunction, registers(kStack, 7), reader({{kStack, 1}})).outcome, Outcome::unknown);
}

}  // namespace
}  // namespace hermitage::inspect
