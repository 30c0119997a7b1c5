#include "hermitage/vmm/kvm/probe.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <variant>

#include "hermitage/vmm/arch/x86_64/debug_state.hpp"
#include "hermitage/vmm/arch/x86_64/page_tables.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr std::uint64_t kMemorySize = x86_64::kLargePageSize;
constexpr GuestAddress kPageMap{0x1000};
constexpr GuestRange kPageTables{{0x2000}, {0x4000}};
constexpr GuestAddress kDescriptors{0x4000};
constexpr GuestAddress kCode{0x5000};
constexpr std::uint16_t kDonePort = 0x80;
constexpr int kMaxExits = 16;

constexpr std::array<std::uint8_t, 16> kProgram{
    0x0f, 0x20,      0xe0,        // mov rax, cr4
    0x66, 0x0d,      0x00, 0x02,  // or ax, 0x200      OSFXSR: SSE is allowed
    0x0f, 0x22,      0xe0,        // mov cr4, rax
    0x0f, 0x57,      0xc0,        // xorps xmm0, xmm0   an interpreter knows some instructions of SSE, but not this
    0xe6, kDonePort,              // out 0x80, al
    0xf4,                         // hlt
};

// The program for tests of breakpoints. A test replaces its instruction, or sets a debug register for the instruction
// or for its write.
constexpr std::array<std::uint8_t, 11> kBreakpointProgram{
    0x88, 0x04,      0x25, 0x00, 0x60, 0x00, 0x00,  // mov [kData], al
    0xe6, kDonePort,                                // out 0x80, al
    0xf4,                                           // hlt
};
constexpr GuestAddress kData{0x6000};

// A guest of one vCPU, with the objects that it needs.
struct Guest {
  GuestMemory memory;
  Vm vm;
  Vcpu vcpu;
};

auto make_guest(const Kvm& kvm, std::span<const std::uint8_t> program) -> Result<Guest> {
  auto memory = GuestMemory::allocate({0}, kMemorySize, {});
  if (!memory) return std::unexpected{memory.error()};
  if (auto mapped = x86_64::write_identity_map(*memory, kPageMap, kPageTables, memory->range()); !mapped) {
    return std::unexpected{mapped.error()};
  }
  const auto code = memory->span(kCode, program.size());
  if (!code || !memory->write(kDescriptors, x86_64::kDescriptorTable)) {
    return fail(ErrorCode::kvm_failed, "the probe kernel does not fit into its memory");
  }
  std::ranges::copy(std::as_bytes(program), code->begin());
  auto vm = kvm.create_vm();
  if (!vm) return std::unexpected{vm.error()};
  if (auto set = vm->set_memory(*memory); !set) return std::unexpected{set.error()};
  if (auto made = vm->create_devices(kvm, {}); !made) return std::unexpected{made.error()};
  auto features = kvm.supported_features(*vm);
  if (!features) return std::unexpected{features.error()};
  auto vcpu = vm->create_vcpu(0);
  if (!vcpu) return std::unexpected{vcpu.error()};
  auto configured = vcpu->configure(
      *features, 0,
      {.rip = kCode.value, .rdi = 0, .rsi = 0, .rsp = kMemorySize, .cr3 = kPageMap.value, .gdt = kDescriptors.value});
  if (!configured) return std::unexpected{configured.error()};
  return Guest{.memory = std::move(*memory), .vm = std::move(*vm), .vcpu = std::move(*vcpu)};
}

// The next exit, except for exits by signals.
auto next_exit(Vcpu& vcpu) -> Exit {
  for (int i = 0; i < kMaxExits; ++i) {
    auto exit = vcpu.run();
    if (!std::holds_alternative<Interrupted>(exit)) return exit;
  }
  return Interrupted{};
}

auto is_done(const Exit& exit) -> bool {
  const auto* const access = std::get_if<IoAccess>(&exit);
  return access != nullptr && access->is_write && access->address == kDonePort;
}

}  // namespace

auto probe_execution(const Kvm& kvm) -> Result<Execution> {
  auto guest = make_guest(kvm, kProgram);
  if (!guest) return std::unexpected{guest.error()};
  const auto exit = next_exit(guest->vcpu);
  if (is_done(exit)) return Execution::native;
  if (std::holds_alternative<InternalError>(exit)) return Execution::interpreted;
  return fail(ErrorCode::kvm_failed, "KVM does not run a probe kernel of six instructions");
}

auto probe_breakpoints(const Kvm& kvm) -> Result<BreakpointSupport> {
  // A separate guest for each test: after a breakpoint that KVM does not support, a vCPU may never continue.
  const auto works = [&kvm](const DebugSetting& setting, DebugEvent::Kind kind) -> Result<bool> {
    auto guest = make_guest(kvm, kBreakpointProgram);
    if (!guest) return std::unexpected{guest.error()};
    const auto first = guest->memory.span(kCode, x86_64::kBreakpointInstruction.size());
    if (setting.stops_at_breakpoints) std::ranges::copy(x86_64::kBreakpointInstruction, first->begin());
    if (auto set = guest->vcpu.set_debug(setting); !set) return std::unexpected{set.error()};
    const auto exit = next_exit(guest->vcpu);
    const auto* const event = std::get_if<DebugEvent>(&exit);
    if (event == nullptr || event->kind != kind) return false;
    first->front() = static_cast<std::byte>(kBreakpointProgram.front());
    if (auto set = guest->vcpu.set_debug({}); !set) return std::unexpected{set.error()};
    return is_done(next_exit(guest->vcpu));
  };
  using Register = HardwareBreakpoint::Kind;
  const auto instructions = works({.stops_at_breakpoints = true}, DebugEvent::Kind::breakpoint);
  if (!instructions) return std::unexpected{instructions.error()};
  const auto execution = works({.hardware = {{{Register::execution, kCode.value}}}}, DebugEvent::Kind::hardware);
  if (!execution) return std::unexpected{execution.error()};
  const auto data = works({.hardware = {{{Register::write, kData.value}}}}, DebugEvent::Kind::hardware);
  if (!data) return std::unexpected{data.error()};
  return BreakpointSupport{.instructions = *instructions, .execution_registers = *execution, .data_registers = *data};
}

}  // namespace hermitage::vmm::kvm
