#include "hermitage/vmm/kvm/probe.hpp"

#include <array>
#include <cstring>
#include <variant>

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

auto prepare(Vcpu& vcpu, const GuestMemory& memory, Features& features) -> Result<void> {
  if (auto mapped = x86_64::write_identity_map(memory, kPageMap, kPageTables, memory.range()); !mapped) return mapped;
  if (!memory.write(kDescriptors, x86_64::kDescriptorTable) || !memory.write(kCode, kProgram)) {
    return fail(ErrorCode::kvm_failed, "the probe does not fit into its memory");
  }
  return vcpu.configure(
      features, 0,
      {.rip = kCode.value, .rdi = 0, .rsi = 0, .rsp = kMemorySize, .cr3 = kPageMap.value, .gdt = kDescriptors.value});
}

}  // namespace

auto probe_execution(const Kvm& kvm) -> Result<Execution> {
  auto memory = GuestMemory::allocate({0}, kMemorySize, {});
  if (!memory) return std::unexpected{memory.error()};
  auto vm = kvm.create_vm();
  if (!vm) return std::unexpected{vm.error()};
  if (auto set = vm->set_memory(*memory); !set) return std::unexpected{set.error()};
  if (auto made = vm->create_devices(kvm, {}); !made) return std::unexpected{made.error()};
  auto features = kvm.supported_features();
  if (!features) return std::unexpected{features.error()};
  auto vcpu = vm->create_vcpu(0);
  if (!vcpu) return std::unexpected{vcpu.error()};
  if (auto prepared = prepare(*vcpu, *memory, *features); !prepared) return std::unexpected{prepared.error()};

  for (int i = 0; i < kMaxExits; ++i) {
    const auto exit = vcpu->run();
    if (std::holds_alternative<Interrupted>(exit)) continue;
    const auto* const access = std::get_if<IoAccess>(&exit);
    if (access != nullptr && access->is_write && access->address == kDonePort) return Execution::native;
    if (std::holds_alternative<InternalError>(exit)) return Execution::interpreted;
    break;
  }
  return fail(ErrorCode::kvm_failed, "KVM does not run a guest of a few instructions");
}

}  // namespace hermitage::vmm::kvm
