#include "hermitage/vmm/debug/debug_registers.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace hermitage::vmm::debug {
namespace {

using Kind = BreakpointKind;
using Outcome = BreakpointOutcome;
using RegisterKind = kvm::HardwareBreakpoint::Kind;

constexpr kvm::BreakpointSupport kAll{.instructions = true, .execution_registers = true, .data_registers = true};
constexpr std::uint64_t kCode = 0x1001;
constexpr std::uint64_t kData = 0x2008;

TEST(DebugRegisters, AreUsedForTheWantedKind) {
  DebugRegisters registers{kAll};
  EXPECT_EQ(registers.insert(Kind::hardware, kCode, 4), Outcome::done) << "the size of an instruction does not count";
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 8), Outcome::done);
  EXPECT_EQ(registers.insert(Kind::access_watch, kData, 4), Outcome::done);
  EXPECT_EQ(registers[0].at.kind, RegisterKind::execution);
  EXPECT_EQ(registers[0].at.size, 1);
  EXPECT_EQ(registers[1].at.kind, RegisterKind::write);
  EXPECT_EQ(registers[1].at.size, 8);
  EXPECT_EQ(registers[2].at.kind, RegisterKind::access);
  EXPECT_EQ(registers[2].kind, Kind::access_watch);
  EXPECT_EQ(registers[3].at.kind, RegisterKind::none);
}

TEST(DebugRegisters, AreUsedOnceForABreakpoint) {
  DebugRegisters registers{kAll};
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 4), Outcome::done);
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 4), Outcome::done);
  EXPECT_EQ(registers[1].at.kind, RegisterKind::none);
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 8), Outcome::done) << "of another size";
  EXPECT_EQ(registers[1].at.size, 8);
}

TEST(DebugRegisters, RefuseWhatTheyCannotWatch) {
  DebugRegisters registers{kAll};
  EXPECT_EQ(registers.insert(Kind::read_watch, kData, 4), Outcome::unsupported);
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 3), Outcome::failed);
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 16), Outcome::failed);
  EXPECT_EQ(registers.insert(Kind::write_watch, kData + 2, 4), Outcome::failed) << "not aligned";
  EXPECT_EQ(registers[0].at.kind, RegisterKind::none);
}

TEST(DebugRegisters, AreUsedOnlyWhereKvmSupportsThem) {
  DebugRegisters code{{.instructions = false, .execution_registers = true, .data_registers = false}};
  EXPECT_EQ(code.insert(Kind::software, kCode, 1), Outcome::done);
  EXPECT_EQ(code.insert(Kind::write_watch, kData, 4), Outcome::unsupported);
  DebugRegisters data{{.instructions = true, .execution_registers = false, .data_registers = true}};
  EXPECT_EQ(data.insert(Kind::hardware, kCode, 1), Outcome::unsupported);
  EXPECT_EQ(data.insert(Kind::write_watch, kData, 4), Outcome::done);
}

TEST(DebugRegisters, AreLimited) {
  DebugRegisters registers{kAll};
  for (std::size_t i = 0; i < arch::kHardwareBreakpoints; ++i) {
    EXPECT_EQ(registers.insert(Kind::hardware, kCode + i, 1), Outcome::done);
  }
  EXPECT_EQ(registers.insert(Kind::hardware, kData, 1), Outcome::failed);
  EXPECT_EQ(registers.remove(Kind::hardware, kCode + 1, 1), Outcome::done);
  EXPECT_EQ(registers.insert(Kind::hardware, kData, 1), Outcome::done);
  EXPECT_EQ(registers[1].at.address, kData);
}

TEST(DebugRegisters, AreFreedByTheSameBreakpointOnly) {
  DebugRegisters registers{kAll};
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 4), Outcome::done);
  EXPECT_EQ(registers.remove(Kind::access_watch, kData, 4), Outcome::failed);
  EXPECT_EQ(registers.remove(Kind::write_watch, kData, 8), Outcome::failed);
  EXPECT_EQ(registers.remove(Kind::write_watch, kData + 4, 4), Outcome::failed);
  EXPECT_EQ(registers.remove(Kind::read_watch, kData, 4), Outcome::unsupported);
  EXPECT_EQ(registers.remove(Kind::write_watch, kData, 4), Outcome::done);
  EXPECT_EQ(registers.remove(Kind::write_watch, kData, 4), Outcome::failed);
  EXPECT_EQ(registers.insert(Kind::hardware, kCode, 1), Outcome::done);
  registers.remove_all();
  EXPECT_FALSE(registers.stops_at(kCode));
}

TEST(DebugRegisters, LeaveOutAnInstructionThatIsSteppedOver) {
  DebugRegisters registers{kAll};
  EXPECT_EQ(registers.insert(Kind::hardware, kCode, 1), Outcome::done);
  EXPECT_EQ(registers.insert(Kind::write_watch, kData, 4), Outcome::done);
  EXPECT_TRUE(registers.stops_at(kCode));
  EXPECT_FALSE(registers.stops_at(kData)) << "data";
  EXPECT_EQ(registers.setting(std::nullopt)[0].address, kCode);
  const auto without = registers.setting(kCode);
  EXPECT_EQ(without[0].kind, RegisterKind::none);
  EXPECT_EQ(without[1].address, kData);
  EXPECT_EQ(registers.setting(kData)[1].kind, RegisterKind::write) << "only instructions are stepped over";
}

}  // namespace
}  // namespace hermitage::vmm::debug
