#include "hermitage/vmm/kvm/probe.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "hermitage/vmm/arch/aarch64/boot_tables.hpp"
#include "hermitage/vmm/arch/aarch64/debug_state.hpp"
#include "hermitage/vmm/memory/guest_memory.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr std::uint64_t kMemorySize = kPlaceSize;
constexpr std::uint64_t kDone = 0x800;  // in the hypercall pages
constexpr int kMaxExits = 16;

constexpr std::array<std::uint32_t, 4> kProgram{
    0x4e22'1c20,  // and v0.16b, v1.16b, v2.16b   floats are allowed
    0xd281'0000,  // mov x0, #kDone
    0xf900'0001,  // str x1, [x0]
    0x1400'0000,  // b .
};
// The program for tests of breakpoints: a debug register is set for its first instruction, or for its first store.
constexpr std::array<std::uint32_t, 5> kBreakpointProgram{
    0xd503'201f,  // nop
    0xf900'0041,  // str x1, [x2]                 x2: the data
    0xd281'0000,  // mov x0, #kDone
    0xf900'0001,  // str x1, [x0]
    0x1400'0000,  // b .
};

// A guest of one vCPU, with the objects that it needs.
struct Guest {
  GuestMemory memory;
  GuestAddress code;
  Vm vm;
  Vcpu vcpu;
};

// The data of kBreakpointProgram are in the boot stack.
auto make_guest(const Kvm& kvm, std::span<const std::uint32_t> program) -> Result<Guest> {
  const auto layout = aarch64::plan_memory(
      {.interface = {1}, .kernel_size = aarch64::kPageSize, .kernel_start = {}, .memory_size = kMemorySize}, {});
  if (!layout) return std::unexpected{layout.error()};
  auto memory = GuestMemory::allocate(layout->memory.start, kMemorySize, {});
  if (!memory) return std::unexpected{memory.error()};
  if (auto mapped = aarch64::write_boot_tables(*memory, *layout, layout->kernel.end, false); !mapped) {
    return std::unexpected{mapped.error()};
  }
  const auto code = memory->span(layout->kernel.start, program.size_bytes());
  if (!code) return fail(ErrorCode::kvm_failed, "the probe kernel does not fit into its memory");
  std::ranges::copy(std::as_bytes(program), code->begin());

  if (auto checked = kvm.check_memory(memory->range()); !checked) return std::unexpected{checked.error()};
  auto vm = kvm.create_vm();
  if (!vm) return std::unexpected{vm.error()};
  if (auto set = vm->set_memory(*memory); !set) return std::unexpected{set.error()};
  if (auto made = vm->create_devices(kvm, {}); !made) return std::unexpected{made.error()};
  auto features = kvm.supported_features(*vm);
  if (!features) return std::unexpected{features.error()};
  auto vcpu = vm->create_vcpu(0);
  if (!vcpu) return std::unexpected{vcpu.error()};
  auto state = aarch64::entry_state(*layout, layout->kernel.start, 0);
  if (auto configured = vcpu->configure(*features, 0, state); !configured) return std::unexpected{configured.error()};
  if (auto finished = vm->finish_devices(); !finished) return std::unexpected{finished.error()};
  return Guest{
      .memory = std::move(*memory), .code = layout->kernel.start, .vm = std::move(*vm), .vcpu = std::move(*vcpu)};
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
  return access != nullptr && access->is_write && access->address == kDone;
}

}  // namespace

auto probe_execution(const Kvm& kvm) -> Result<Execution> {
  auto guest = make_guest(kvm, kProgram);
  if (!guest) return std::unexpected{guest.error()};
  if (is_done(next_exit(guest->vcpu))) return Execution::native;
  return fail(ErrorCode::kvm_failed, "KVM does not run a probe kernel of four instructions");
}

auto probe_breakpoints(const Kvm& kvm) -> Result<BreakpointSupport> {
  // A separate guest for each test.
  const auto works = [&kvm](HardwareBreakpoint::Kind kind) -> Result<bool> {
    auto guest = make_guest(kvm, kBreakpointProgram);
    if (!guest) return std::unexpected{guest.error()};
    auto state = guest->vcpu.debug_state();
    if (!state) return std::unexpected{state.error()};
    const auto data = state->general.sp;
    state->general.x[2] = data;
    if (auto set = guest->vcpu.set_debug_state(*state); !set) return std::unexpected{set.error()};
    const bool is_execution = kind == HardwareBreakpoint::Kind::execution;
    DebugSetting setting;
    if (kind == HardwareBreakpoint::Kind::none) {
      setting.stops_at_breakpoints = true;
      const auto first = guest->memory.span(guest->code, aarch64::kBreakpointInstruction.size());
      std::ranges::copy(aarch64::kBreakpointInstruction, first->begin());
    } else {
      setting.hardware[0] = {.kind = kind, .address = is_execution ? guest->code.value : data, .size = 8};
    }
    if (auto set = guest->vcpu.set_debug(setting); !set) return false;  // the CPU has too few registers
    const auto exit = next_exit(guest->vcpu);
    return std::holds_alternative<DebugEvent>(exit);
  };
  using Register = HardwareBreakpoint::Kind;
  const auto instructions = works(Register::none);
  if (!instructions) return std::unexpected{instructions.error()};
  const auto execution = works(Register::execution);
  if (!execution) return std::unexpected{execution.error()};
  const auto data = works(Register::write);
  if (!data) return std::unexpected{data.error()};
  return BreakpointSupport{.instructions = *instructions, .execution_registers = *execution, .data_registers = *data};
}

}  // namespace hermitage::vmm::kvm
