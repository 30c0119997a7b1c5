// The x86_64 parts of a vCPU.
#include "hermitage/vmm/kvm/vcpu.hpp"

#include "hermitage/vmm/kvm/call.hpp"
#include "hermitage/vmm/kvm/x86_64/call_numbers.hpp"
#include "hermitage/vmm/kvm/x86_64/cpuid.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr std::uint32_t kMsrMiscEnable = 0x1a0;
constexpr std::uint64_t kMiscEnableFastStrings = 1;

// A flat segment with the attributes of its descriptor in x86_64::kDescriptorTable.
auto segment(std::uint16_t selector, bool is_code) -> kvm_segment {
  kvm_segment result{};
  result.limit = 0xffff'ffff;
  result.selector = selector;
  result.type = is_code ? 11 : 3;  // accessed, and execute and read, or read and write
  result.present = 1;
  result.s = 1;
  result.l = is_code ? 1 : 0;
  result.db = is_code ? 0 : 1;
  result.g = 1;
  return result;
}

auto set_special_registers(const Descriptor& vcpu, const x86_64::EntryState& state) -> Result<void> {
  kvm_sregs special{};
  if (auto got = call(vcpu, KVM_GET_SREGS, &special, "KVM_GET_SREGS"); !got) return got;
  special.cr0 = x86_64::kControl0Protection | x86_64::kControl0ExtensionType | x86_64::kControl0NumericError |
                x86_64::kControl0Paging;
  special.cr3 = state.cr3;
  special.cr4 = x86_64::kControl4PhysicalAddressExtension;
  special.efer = x86_64::kEferLongMode | x86_64::kEferLongModeActive | x86_64::kEferNoExecute;
  special.cs = segment(x86_64::kCodeSelector, true);
  special.ds = special.es = special.ss = segment(x86_64::kDataSelector, false);
  special.gdt.base = state.gdt;
  special.gdt.limit = sizeof x86_64::kDescriptorTable - 1;
  return call(vcpu, KVM_SET_SREGS, &special, "KVM_SET_SREGS");
}

auto set_general_registers(const Descriptor& vcpu, const x86_64::EntryState& state) -> Result<void> {
  kvm_regs general{};
  general.rip = state.rip;
  general.rdi = state.rdi;
  general.rsi = state.rsi;
  general.rsp = state.rsp;
  general.rflags = 2;  // the bit that is always set
  return call(vcpu, KVM_SET_REGS, &general, "KVM_SET_REGS");
}

auto set_model_registers(const Descriptor& vcpu) -> Result<void> {
  List<kvm_msr_entry> registers{1};
  registers.entries().front() = {.index = kMsrMiscEnable, .reserved = 0, .data = kMiscEnableFastStrings};
  return call(vcpu, kSetMsrs, registers.header(), "KVM_SET_MSRS");
}

auto set_runnable(const Descriptor& vcpu) -> Result<void> {
  kvm_mp_state state{.mp_state = KVM_MP_STATE_RUNNABLE};
  return call(vcpu, KVM_SET_MP_STATE, &state, "KVM_SET_MP_STATE");
}

}  // namespace

auto Vcpu::configure(Features& features, std::uint32_t number, const arch::EntryState& state) -> Result<void> {
  // Linux 6.12 accepts long mode only for a vCPU whose features are set.
  adapt_cpuid(features.entries(), number);
  if (auto set = call(descriptor_, kSetCpuid, features.header(), "KVM_SET_CPUID2"); !set) return set;
  const auto told = std::as_bytes(features.entries());
  features_.assign(told.begin(), told.end());
  if (auto set = set_model_registers(descriptor_); !set) return set;
  if (auto set = set_special_registers(descriptor_, state); !set) return set;
  if (auto set = set_general_registers(descriptor_, state); !set) return set;
  // The first vCPU is runnable when it is created.
  return number == 0 ? Result<void>{} : set_runnable(descriptor_);
}

auto Vcpu::counter_khz() const noexcept -> std::optional<std::uint32_t> {
  const int khz = ::ioctl(descriptor_.get(), KVM_GET_TSC_KHZ, 0UL);
  if (khz <= 0) return std::nullopt;
  return static_cast<std::uint32_t>(khz);
}

void Vcpu::sync_registers() noexcept {
  shared().kvm_valid_regs = KVM_SYNC_X86_REGS;
}

auto Vcpu::hypercall_argument() const noexcept -> std::uint64_t {
  if (syncs_registers_) return shared().s.regs.regs.rdi;
  kvm_regs general{};
  ::ioctl(descriptor_.get(), KVM_GET_REGS, &general);
  return general.rdi;
}

auto Vcpu::paging() const noexcept -> arch::PagingState {
  constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
  kvm_sregs special{};
  ::ioctl(descriptor_.get(), KVM_GET_SREGS, &special);
  return {.page_map = {special.cr3 & kAddressMask}, .levels = (special.cr4 & x86_64::kControl4FiveLevels) != 0 ? 5 : 4};
}

auto Vcpu::registers() const noexcept -> arch::Registers {
  kvm_regs general{};
  kvm_sregs special{};
  ::ioctl(descriptor_.get(), KVM_GET_REGS, &general);
  ::ioctl(descriptor_.get(), KVM_GET_SREGS, &special);
  return {.rax = general.rax,
          .rbx = general.rbx,
          .rcx = general.rcx,
          .rdx = general.rdx,
          .rsi = general.rsi,
          .rdi = general.rdi,
          .rsp = general.rsp,
          .rbp = general.rbp,
          .r8 = general.r8,
          .r9 = general.r9,
          .r10 = general.r10,
          .r11 = general.r11,
          .r12 = general.r12,
          .r13 = general.r13,
          .r14 = general.r14,
          .r15 = general.r15,
          .rip = general.rip,
          .rflags = general.rflags,
          .cr0 = special.cr0,
          .cr2 = special.cr2,
          .cr3 = special.cr3,
          .cr4 = special.cr4,
          .efer = special.efer};
}

}  // namespace hermitage::vmm::kvm
