// A vCPU with a guest of a few instructions, which a debugger sets and reads.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"
#include "hermitage/vmm/kvm/probe.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/kvm/vm.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr std::uint64_t kMemorySize = x86_64::kLargePageSize;
constexpr GuestAddress kPageMap{0x1000};
constexpr GuestRange kPageTables{{0x2000}, {0x4000}};
constexpr GuestAddress kDescriptors{0x4000};
constexpr std::uint64_t kCode = 0x5000;
constexpr std::uint64_t kPort = 0x80;

constexpr std::array<std::uint8_t, 14> kProgram{
    0x48, 0xff, 0xc0,  // inc rax     at kCode
    0x48, 0xff, 0xc3,  // inc rbx     + 3
    0x90,              // nop         + 6
    0x90,              // nop         + 7
    0xe6, 0x80,        // out 0x80    + 8
    0xeb, 0xf4,        // jmp kCode   + 10
    0xf4, 0xf4,
};
constexpr std::uint64_t kLastNop = kCode + 7;
constexpr std::uint64_t kOut = kCode + 8;
constexpr std::uint64_t kJump = kCode + 10;

class VcpuDebugTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto kvm = Kvm::open();
    if (!kvm) GTEST_SKIP() << kvm.error().message();
    const auto execution = probe_execution(*kvm);
    if (!execution) GTEST_SKIP() << execution.error().message();
    ASSERT_TRUE(x86_64::write_identity_map(memory, kPageMap, kPageTables, memory.range()));
    ASSERT_TRUE(memory.write(kDescriptors, x86_64::kDescriptorTable));
    ASSERT_TRUE(memory.write({kCode}, kProgram));
    vm.emplace(kvm->create_vm().value());
    ASSERT_TRUE(vm->set_memory(memory));
    auto features = kvm->supported_features(*vm);
    ASSERT_TRUE(features);
    vcpu.emplace(vm->create_vcpu(0).value());
    ASSERT_TRUE(vcpu->configure(
        *features, 0,
        {.rip = kCode, .rdi = 0, .rsi = 0, .rsp = kMemorySize, .cr3 = kPageMap.value, .gdt = kDescriptors.value}));
  }

  // The reason of the next exit, in a word.
  auto run() -> std::string {
    for (;;) {
      const auto exit = vcpu->run();
      if (std::holds_alternative<Interrupted>(exit)) continue;
      if (const auto* const access = std::get_if<IoAccess>(&exit)) return access->address == kPort ? "out" : "access";
      if (const auto* const event = std::get_if<DebugEvent>(&exit)) {
        if (event->kind == DebugEvent::Kind::step) return "step";
        if (event->kind == DebugEvent::Kind::breakpoint) return "breakpoint";
        return "hardware " + std::to_string(event->hardware);
      }
      return "another exit";
    }
  }
  auto state() -> x86_64::DebugState { return vcpu->debug_state().value(); }
  auto rip() -> std::uint64_t { return state().general.rip; }

  GuestMemory memory = GuestMemory::allocate({0}, kMemorySize, {}).value();
  std::optional<Vm> vm;
  std::optional<Vcpu> vcpu;
};

TEST_F(VcpuDebugTest, ShowsAVcpuThatHasNotRun) {
  const auto first = state();
  EXPECT_EQ(first.general.rip, kCode);
  EXPECT_EQ(first.general.rsp, kMemorySize);
  EXPECT_EQ(first.general.cr3, kPageMap.value);
  EXPECT_EQ(first.selectors.cs, x86_64::kCodeSelector);
  EXPECT_EQ(first.selectors.ss, x86_64::kDataSelector);
}

TEST_F(VcpuDebugTest, KeepsWhatIsSet) {
  auto changed = state();
  changed.general.rax = 0x1122334455667788;
  changed.general.r15 = 15;
  changed.general.rflags |= 1;
  changed.fs_base = 0x7000;
  changed.gs_base = 0xffff'8000'0000'0000;
  constexpr std::size_t kXmm3 = 160 + 3 * 16;
  constexpr std::size_t kXstateHeader = 512;
  changed.extended[kXmm3] = std::byte{0x42};
  changed.extended[kXstateHeader] |= std::byte{2};
  const auto set = vcpu->set_debug_state(changed);
  ASSERT_TRUE(set) << set.error().message();
  const auto now = state();
  EXPECT_EQ(now.general, changed.general);
  EXPECT_EQ(now.fs_base, changed.fs_base);
  EXPECT_EQ(now.gs_base, changed.gs_base);
  EXPECT_EQ(now.extended[kXmm3], std::byte{0x42});
  EXPECT_EQ(now.selectors.cs, changed.selectors.cs);
  ASSERT_EQ(run(), "out");
  EXPECT_EQ(state().general.rax, 0x1122334455667789U);
}

TEST_F(VcpuDebugTest, Steps) {
  ASSERT_TRUE(vcpu->set_debug({.steps = true}));
  for (const std::uint64_t offset : {3U, 6U, 7U, 8U}) {
    EXPECT_EQ(run(), "step");
    EXPECT_EQ(rip(), kCode + offset);
  }
  EXPECT_EQ(state().general.rax, 1U);
  EXPECT_EQ(state().general.rbx, 1U);
  EXPECT_EQ(run(), "out") << "in the middle of the step";
  EXPECT_EQ(run(), "step");
  EXPECT_TRUE(rip() == kJump || rip() == kCode) << "paravirtual KVM takes the next one with it";
  constexpr std::uint64_t kTrapFlag = 0x100;
  EXPECT_EQ(state().general.rflags & kTrapFlag, 0U) << "that is KVM's";
  ASSERT_TRUE(vcpu->set_debug({}));
  EXPECT_EQ(run(), "out");
}

// KVM starts a step at the address that the vCPU has when the step is requested: see Debugger::let_go().
TEST_F(VcpuDebugTest, StepsFromWhereItIsSet) {
  ASSERT_TRUE(vcpu->set_debug({.steps = true}));
  EXPECT_EQ(run(), "step");
  auto changed = state();
  changed.general.rip = kLastNop;
  ASSERT_TRUE(vcpu->set_debug_state(changed));
  ASSERT_TRUE(vcpu->set_debug({.steps = true}));
  EXPECT_EQ(run(), "step");
  EXPECT_EQ(rip(), kOut);
}

TEST_F(VcpuDebugTest, StopsAtDebugRegisters) {
  using Kind = HardwareBreakpoint::Kind;
  DebugSetting setting;
  setting.hardware[1] = {.kind = Kind::execution, .address = kCode + 3};
  setting.hardware[3] = {.kind = Kind::execution, .address = kLastNop};
  ASSERT_TRUE(vcpu->set_debug(setting));
  EXPECT_EQ(run(), "hardware 1");
  EXPECT_EQ(rip(), kCode + 3) << "before the instruction";
  setting.hardware[1] = {};
  ASSERT_TRUE(vcpu->set_debug(setting));
  EXPECT_EQ(run(), "hardware 3");
  EXPECT_EQ(rip(), kLastNop);
  // Step over it, and run to it again.
  setting.steps = true;
  const auto last = std::exchange(setting.hardware[3], {});
  ASSERT_TRUE(vcpu->set_debug(setting));
  EXPECT_EQ(run(), "step");
  EXPECT_EQ(rip(), kOut);
  setting.steps = false;
  setting.hardware[3] = last;
  ASSERT_TRUE(vcpu->set_debug(setting));
  EXPECT_EQ(run(), "out");
  EXPECT_EQ(run(), "hardware 3");
  ASSERT_TRUE(vcpu->set_debug({}));
  EXPECT_EQ(run(), "out");
  EXPECT_EQ(run(), "out");
}

TEST_F(VcpuDebugTest, StopsAtInstructionsForBreakpointsIfTheProbeSaysSo) {
  const auto kvm = Kvm::open();
  const auto support = probe_breakpoints(*kvm);
  ASSERT_TRUE(support) << support.error().message();
  if (!support->instructions) GTEST_SKIP() << "KVM here does not";
  ASSERT_TRUE(memory.write({kLastNop}, std::uint8_t{0xcc}));
  ASSERT_TRUE(vcpu->set_debug({.stops_at_breakpoints = true}));
  EXPECT_EQ(run(), "breakpoint");
  EXPECT_EQ(rip(), kLastNop);
  ASSERT_TRUE(memory.write({kLastNop}, std::uint8_t{0x90}));
  EXPECT_EQ(run(), "out");
}

TEST_F(VcpuDebugTest, StopsAtWatchedMemoryIfTheProbeSaysSo) {
  const auto kvm = Kvm::open();
  const auto support = probe_breakpoints(*kvm);
  ASSERT_TRUE(support) << support.error().message();
  if (!support->data_registers) GTEST_SKIP() << "KVM here does not";
  constexpr std::uint32_t kWatched = 0x6000;
  // mov [kWatched], al replaces the first two instructions
  ASSERT_TRUE(memory.write({kCode}, std::array<std::uint8_t, 7>{0x88, 0x04, 0x25, 0, kWatched >> 8, 0, 0}));
  for (const std::uint8_t size : std::array<std::uint8_t, 4>{1, 2, 4, 8}) {
    DebugSetting setting;
    setting.hardware[2] = {.kind = HardwareBreakpoint::Kind::write, .address = kWatched, .size = size};
    ASSERT_TRUE(vcpu->set_debug(setting));
    EXPECT_EQ(run(), "hardware 2") << int{size};
    EXPECT_EQ(rip(), kCode + 7) << "behind the instruction";
    EXPECT_EQ(run(), "out");
  }
}

}  // namespace
}  // namespace hermitage::vmm::kvm
