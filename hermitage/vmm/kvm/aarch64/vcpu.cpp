// The aarch64 parts of a vCPU.
#include "hermitage/vmm/kvm/vcpu.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "hermitage/vmm/kvm/aarch64/registers.hpp"
#include "hermitage/vmm/kvm/call.hpp"

namespace hermitage::vmm::kvm {
namespace {

// ID_AA64MMFR0_EL1: Arm Architecture Reference Manual, D19.2.
constexpr std::uint64_t kPhysicalSizeMask = 0xf;
constexpr unsigned kSmallPagesShift = 28;
constexpr std::uint64_t kSmallPagesMask = std::uint64_t{0xf} << kSmallPagesShift;
constexpr std::uint64_t kLargeAddresses = 1;  // pages of 4 KiB can have addresses of 52 bits

// Hermit stops at a CPU whose pages of 4 KiB can have addresses of 52 bits. Hides this if KVM allows it. Returns the
// features that the guest sees.
auto hide_large_addresses(const Descriptor& vcpu) -> Result<std::uint64_t> {
  std::uint64_t features = 0;
  if (auto got = get_register(vcpu, kMemoryFeatures, &features); !got) return std::unexpected{got.error()};
  if ((features & kSmallPagesMask) >> kSmallPagesShift != kLargeAddresses) return features;
  const auto size = std::min(features & kPhysicalSizeMask, aarch64::kMaxPhysicalSize);
  const auto hidden = (features & ~(kSmallPagesMask | kPhysicalSizeMask)) | size;
  if (set_register(vcpu, kMemoryFeatures, hidden)) return hidden;
  return fail(ErrorCode::kvm_failed,
              "KVM_SET_ONE_REG (ID_AA64MMFR0_EL1): this host's CPU has addresses of 52 bits for pages of 4 KiB (LPA2), "
              "which Hermit kernels do not support; Linux 6.7 and later can hide them");
}

}  // namespace

auto Vcpu::configure(Features& features, std::uint32_t number, const arch::EntryState& state) -> Result<void> {
  // Without the feature that delays vCPUs: all of them enter the kernel, which makes them wait.
  if (auto set = call(descriptor_, KVM_ARM_VCPU_INIT, &features.init, "KVM_ARM_VCPU_INIT"); !set) return set;
  const auto memory = hide_large_addresses(descriptor_);
  if (!memory) return std::unexpected{memory.error()};
  const auto physical_size = std::min(*memory & kPhysicalSizeMask, aarch64::kMaxPhysicalSize);
  const std::array<std::pair<RegisterNumber, std::uint64_t>, 13> values{{
      {kMemoryAttributes, aarch64::kMemoryAttributes},
      {kTranslationControl, aarch64::kTranslationControl | physical_size << aarch64::kPhysicalSizeShift},
      {kTables0, state.ttbr0},
      {kTables1, 0},
      {kVectors, 0},
      {kFloatAccess, aarch64::kFloatsEnabled},
      {kDebugControl, 0},
      {kSystemControl, aarch64::kSystemControl},
      {kProcessorState, aarch64::kEntryState},
      {kProgramCounter, state.pc},
      {general_register(0), state.x0},
      {general_register(1), state.x1},
      {kStackPointer, number == 0 ? state.sp : 0},
  }};
  for (const auto& [place, value] : values) {
    if (auto set = set_register(descriptor_, place, value); !set) return set;
  }
  return {};
}

// The guest reads it from a register.
auto Vcpu::counter_khz() const noexcept -> std::optional<std::uint32_t> {
  return std::nullopt;
}

void Vcpu::sync_registers() noexcept {}

// A hypercall is a store of its argument.
auto Vcpu::hypercall_argument() const noexcept -> std::uint64_t {
  std::uint64_t argument = 0;
  std::memcpy(&argument, shared().mmio.data, sizeof argument);
  return argument;
}

auto Vcpu::paging() const noexcept -> arch::PagingState {
  return aarch64::paging_at(register_value(descriptor_, kTables0));
}

auto Vcpu::registers() const noexcept -> arch::Registers {
  const auto value = [this](RegisterNumber number) { return register_value(descriptor_, number); };
  arch::Registers result{.x = {},
                         .sp = value(kStackPointer),
                         .pc = value(kProgramCounter),
                         .pstate = value(kProcessorState),
                         .elr = value(kExceptionLink),
                         .esr = value(kSyndrome),
                         .far = value(kFaultAddress),
                         .spsr = value(kSavedState),
                         .sctlr = value(kSystemControl),
                         .ttbr0 = value(kTables0),
                         .ttbr1 = value(kTables1),
                         .tcr = value(kTranslationControl),
                         .mair = value(kMemoryAttributes),
                         .vbar = value(kVectors)};
  for (std::size_t number = 0; number < result.x.size(); ++number) result.x[number] = value(general_register(number));
  return result;
}

}  // namespace hermitage::vmm::kvm
