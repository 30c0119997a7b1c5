// The state of an x86_64 vCPU and machine, in the formats of KVM's calls.
#include "hermitage/vmm/kvm/state.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <linux/kvm.h>

#include "hermitage/vmm/kvm/call.hpp"
#include "hermitage/vmm/kvm/kvm.hpp"
#include "hermitage/vmm/kvm/list.hpp"
#include "hermitage/vmm/kvm/vcpu.hpp"
#include "hermitage/vmm/kvm/vm.hpp"
#include "hermitage/vmm/kvm/x86_64/call_numbers.hpp"
#include "hermitage/vmm/kvm/x86_64/cpuid.hpp"
#include "hermitage/vmm/kvm/x86_64/state.hpp"

namespace hermitage::vmm::kvm {
namespace {

using x86_64::StateKind;

constexpr std::uint32_t kCounterMsr = 0x10;
constexpr std::uint32_t kDeadlineMsr = 0x6e0;
constexpr std::uint32_t kFirstHyperVMsr = 0x4000'0000;
constexpr std::uint32_t kEndOfHyperVMsrs = 0x4000'0200;
constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;

// The counter of a vCPU, which continues while the guest is saved.
struct Counter {
  std::uint64_t value = 0;
  std::uint64_t host_time = 0;  // when it had this value
  std::uint64_t khz = 0;
};

struct Clock {
  std::uint64_t value = 0;  // nanoseconds, of KVM's paravirtual clock
  std::uint64_t host_time = 0;
};

// A part that one call gets and another sets.
struct Part {
  StateKind kind;
  std::size_t size;
  unsigned long get;
  unsigned long set;
  std::string_view get_name;
  std::string_view set_name;
};

// The general registers are last: see restore_state().
constexpr std::array kVcpuParts{
    Part{StateKind::special_registers, sizeof(kvm_sregs), KVM_GET_SREGS, KVM_SET_SREGS, "KVM_GET_SREGS",
         "KVM_SET_SREGS"},
    Part{StateKind::extended_controls, sizeof(kvm_xcrs), KVM_GET_XCRS, KVM_SET_XCRS, "KVM_GET_XCRS", "KVM_SET_XCRS"},
    Part{StateKind::extended_registers, sizeof(ExtendedArea), kGetXsave, kSetXsave, "KVM_GET_XSAVE", "KVM_SET_XSAVE"},
    Part{StateKind::debug_registers, sizeof(kvm_debugregs), KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, "KVM_GET_DEBUGREGS",
         "KVM_SET_DEBUGREGS"},
    Part{StateKind::interrupt_controller, sizeof(kvm_lapic_state), KVM_GET_LAPIC, KVM_SET_LAPIC, "KVM_GET_LAPIC",
         "KVM_SET_LAPIC"},
    Part{StateKind::events, sizeof(kvm_vcpu_events), KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, "KVM_GET_VCPU_EVENTS",
         "KVM_SET_VCPU_EVENTS"},
    Part{StateKind::run_state, sizeof(kvm_mp_state), KVM_GET_MP_STATE, KVM_SET_MP_STATE, "KVM_GET_MP_STATE",
         "KVM_SET_MP_STATE"},
    Part{StateKind::general_registers, sizeof(kvm_regs), KVM_GET_REGS, KVM_SET_REGS, "KVM_GET_REGS", "KVM_SET_REGS"},
};

constexpr std::array kControllers{std::pair{StateKind::first_pic, KVM_IRQCHIP_PIC_MASTER},
                                  std::pair{StateKind::second_pic, KVM_IRQCHIP_PIC_SLAVE},
                                  std::pair{StateKind::io_apic, KVM_IRQCHIP_IOAPIC}};

template <class T>
auto part_of(StateKind kind, const T& value) -> StatePart {
  StatePart part{.kind = std::to_underlying(kind), .bytes = std::vector<std::byte>(sizeof value)};
  std::memcpy(part.bytes.data(), &value, sizeof value);
  return part;
}

auto damaged(StateKind kind) -> std::unexpected<Error> {
  return fail(ErrorCode::image, fmt::format("the snapshot has no usable state of {}", x86_64::name_of(kind)));
}

auto find(std::span<const StatePart> state, StateKind kind) -> const StatePart* {
  const auto found = std::ranges::find(state, std::to_underlying(kind), &StatePart::kind);
  return found == state.end() ? nullptr : &*found;
}

template <class T>
auto read(std::span<const StatePart> state, StateKind kind) -> Result<T> {
  const auto* const part = find(state, kind);
  if (part == nullptr || part->bytes.size() != sizeof(T)) return damaged(kind);
  T value;
  std::memcpy(&value, part->bytes.data(), sizeof value);
  return value;
}

// A part that is an array of T.
template <class T>
auto read_list(std::span<const StatePart> state, StateKind kind, std::size_t limit) -> Result<List<T>> {
  const auto* const part = find(state, kind);
  if (part == nullptr || part->bytes.size() % sizeof(T) != 0) return damaged(kind);
  const auto count = part->bytes.size() / sizeof(T);
  if (count == 0 || count > limit) return damaged(kind);
  List<T> list{count};
  std::memcpy(list.entries().data(), part->bytes.data(), part->bytes.size());
  return list;
}

template <class T>
auto part_of_list(StateKind kind, std::span<const T> entries) -> StatePart {
  const auto bytes = std::as_bytes(entries);
  return {.kind = std::to_underlying(kind), .bytes = {bytes.begin(), bytes.end()}};
}

auto get_part(const Descriptor& vcpu, const Part& part) -> Result<StatePart> {
  StatePart result{.kind = std::to_underlying(part.kind), .bytes = std::vector<std::byte>(part.size)};
  if (auto got = call(vcpu, part.get, result.bytes.data(), part.get_name); !got) return std::unexpected{got.error()};
  return result;
}

auto set_part(const Descriptor& vcpu, std::span<const StatePart> state, const Part& part) -> Result<void> {
  const auto* const found = find(state, part.kind);
  if (found == nullptr || found->bytes.size() != part.size) return damaged(part.kind);
  auto bytes = found->bytes;
  return call(vcpu, part.set, bytes.data(), part.set_name);
}

auto get_msr(const Descriptor& vcpu, std::uint32_t index) -> std::optional<std::uint64_t> {
  List<kvm_msr_entry> one{1};
  one.entries().front() = {.index = index, .reserved = 0, .data = 0};
  if (::ioctl(vcpu.get(), kGetMsrs, one.header()) != 1) return std::nullopt;
  return one.entries().front().data;
}

auto set_msr(const Descriptor& vcpu, std::uint32_t index, std::uint64_t value) -> Result<void> {
  List<kvm_msr_entry> one{1};
  one.entries().front() = {.index = index, .reserved = 0, .data = value};
  if (::ioctl(vcpu.get(), kSetMsrs, one.header()) == 1) return {};
  // Some registers of a host's CPU cannot be written, but are as they were. Kernels differ in the registers that they
  // list: one that this host does not have, and that is zero, was not in use.
  if (get_msr(vcpu, index).value_or(0) == value) return {};
  return fail(
      ErrorCode::kvm_failed,
      fmt::format("KVM_SET_MSRS: this host cannot set the model-specific register {:#x} to {:#x}", index, value));
}

// Sets the registers from `first` on in one call, as far as KVM accepts them, and the others one by one.
auto set_msrs(const Descriptor& vcpu, std::span<const kvm_msr_entry> registers) -> Result<void> {
  while (!registers.empty()) {
    List<kvm_msr_entry> list{registers.size()};
    std::ranges::copy(registers, list.entries().begin());
    const int count = ::ioctl(vcpu.get(), kSetMsrs, list.header());
    if (count < 0) return call_failed("KVM_SET_MSRS");
    registers = registers.subspan(static_cast<std::size_t>(count));
    if (registers.empty()) break;
    if (auto set = set_msr(vcpu, registers.front().index, registers.front().data); !set) return set;
    registers = registers.subspan(1);
  }
  return {};
}

auto khz_of(const Descriptor& vcpu) -> std::uint64_t {
  return static_cast<std::uint64_t>(std::max(0, ::ioctl(vcpu.get(), KVM_GET_TSC_KHZ, 0UL)));
}

// The counter must have the frequency that the guest knows, within 250 ppm, the deviation of a calibration.
auto set_frequency(const Descriptor& vcpu, std::uint64_t wanted) -> Result<void> {
  const auto found = khz_of(vcpu);
  const auto difference = std::max(found, wanted) - std::min(found, wanted);
  constexpr std::uint64_t kPartsPerMillion = 250;
  if (difference <= wanted / 1'000'000 * kPartsPerMillion + 1) return {};
  if (::ioctl(vcpu.get(), KVM_SET_TSC_KHZ, wanted) == 0) return {};
  return fail(ErrorCode::kvm_failed,
              fmt::format("KVM_SET_TSC_KHZ: {}: this host's time stamp counter has {} kHz, and the guest's {} kHz",
                          std::strerror(errno), found, wanted));
}

auto elapsed_since(std::uint64_t moment) -> std::uint64_t {
  const auto now = host_time();
  return now > moment ? now - moment : 0;
}

auto advanced(const Counter& counter) -> std::uint64_t {
  __extension__ using Wide = unsigned __int128;
  const auto ticks = Wide{elapsed_since(counter.host_time)} * counter.khz / kNanosecondsPerMillisecond;
  return counter.value + static_cast<std::uint64_t>(ticks);
}

// The leaves of CPUID whose bits are features, and the registers with these bits.
struct FeatureLeaf {
  std::uint32_t function;
  std::uint32_t index;
  bool has_eax;
  bool has_ebx;
  std::uint32_t state_in_ecx;  // bits of ECX that show what the guest has enabled
};
constexpr std::array kFeatureLeaves{
    FeatureLeaf{.function = 0x1, .index = 0, .has_eax = false, .has_ebx = false, .state_in_ecx = 1 << 27},
    FeatureLeaf{.function = 0x7, .index = 0, .has_eax = false, .has_ebx = true, .state_in_ecx = 1 << 4},
    FeatureLeaf{.function = 0x7, .index = 1, .has_eax = true, .has_ebx = true, .state_in_ecx = 0},
    FeatureLeaf{.function = 0xd, .index = 1, .has_eax = true, .has_ebx = false, .state_in_ecx = 0},
    FeatureLeaf{.function = 0x8000'0001, .index = 0, .has_eax = false, .has_ebx = false, .state_in_ecx = 0}};

auto leaf_of(std::span<const kvm_cpuid_entry2> entries, const FeatureLeaf& leaf) -> const kvm_cpuid_entry2* {
  const auto found = std::ranges::find_if(entries, [&](const kvm_cpuid_entry2& entry) {
    return entry.function == leaf.function && entry.index == leaf.index;
  });
  return found == entries.end() ? nullptr : &*found;
}

// Checks that this host has all CPU features that the guest has seen. The error names those that are missing.
auto check_features(std::span<const kvm_cpuid_entry2> guest, std::span<const kvm_cpuid_entry2> host) -> Result<void> {
  std::string missing;
  const auto compare = [&](const FeatureLeaf& leaf, std::string_view name, std::uint32_t has, std::uint32_t can) {
    for (unsigned bit = 0; bit < 32; ++bit) {
      if (((has & ~can) >> bit & 1) == 0) continue;
      missing +=
          fmt::format("{}CPUID {:#x}.{} {} bit {}", missing.empty() ? "" : ", ", leaf.function, leaf.index, name, bit);
    }
  };
  for (const auto& leaf : kFeatureLeaves) {
    const auto* const has = leaf_of(guest, leaf);
    if (has == nullptr) continue;
    const auto* const found = leaf_of(host, leaf);
    const auto can = found == nullptr ? kvm_cpuid_entry2{} : *found;
    if (leaf.has_eax) compare(leaf, "EAX", has->eax, can.eax);
    if (leaf.has_ebx) compare(leaf, "EBX", has->ebx, can.ebx);
    compare(leaf, "ECX", has->ecx & ~leaf.state_in_ecx, can.ecx);
    compare(leaf, "EDX", has->edx, can.edx);
  }
  if (missing.empty()) return {};
  return fail(ErrorCode::kvm_failed,
              fmt::format("this host lacks features of the CPU that the guest uses: {}", missing));
}

auto restore_features(const Descriptor& vcpu, std::span<const StatePart> state, Features* host, std::uint32_t number)
    -> Result<void> {
  auto entries = read_list<kvm_cpuid_entry2>(state, StateKind::features, x86_64::kMaxFeatures);
  if (!entries) return std::unexpected{entries.error()};
  if (host != nullptr) {
    adapt_cpuid(host->entries(), number);
    if (auto checked = check_features(entries->entries(), host->entries()); !checked) return checked;
  }
  return call(vcpu, kSetCpuid, entries->header(), "KVM_SET_CPUID2");
}

}  // namespace

auto Kvm::state_registers() const -> Result<StateRegisters> {
  constexpr std::size_t kMax = 1024;
  std::vector<std::uint32_t> list(kMax + 1);
  list.front() = kMax;
  if (auto got = call(descriptor_, kGetMsrIndexList, list.data(), "KVM_GET_MSR_INDEX_LIST"); !got) {
    return std::unexpected{got.error()};
  }
  StateRegisters result{.indices = {list.begin() + 1, list.begin() + 1 + list.front()}};
  // The counter is saved with the time. Guests are not told that there are Hyper-V's registers.
  std::erase_if(result.indices, [](std::uint32_t index) {
    return index == kCounterMsr || (index >= kFirstHyperVMsr && index < kEndOfHyperVMsrs);
  });
  return result;
}

auto Vcpu::save_state(const StateRegisters& registers) const -> Result<State> {
  State state;
  state.push_back({.kind = std::to_underlying(StateKind::features), .bytes = features_});
  for (const auto& part : kVcpuParts) {
    auto got = get_part(descriptor_, part);
    if (!got) return std::unexpected{got.error()};
    state.push_back(std::move(*got));
  }
  std::vector<kvm_msr_entry> msrs;
  for (const auto index : registers.indices) {
    if (const auto value = get_msr(descriptor_, index)) msrs.push_back({.index = index, .reserved = 0, .data = *value});
  }
  state.push_back(part_of_list<kvm_msr_entry>(StateKind::model_registers, msrs));
  const auto counter = get_msr(descriptor_, kCounterMsr);
  const auto now = host_time();
  if (!counter) return fail(ErrorCode::kvm_failed, "KVM_GET_MSRS: KVM does not report the time stamp counter");
  state.push_back(
      part_of(StateKind::counter, Counter{.value = *counter, .host_time = now, .khz = khz_of(descriptor_)}));
  return state;
}

// KVM accepts most parts only after those on which they depend: registers after the features, the deadline after the
// counter and the interrupt controller.
auto Vcpu::restore_state(std::span<const StatePart> state, Features* host, std::uint32_t number) -> Result<void> {
  if (auto restored = restore_features(descriptor_, state, host, number); !restored) return restored;
  features_ = find(state, StateKind::features)->bytes;
  const auto counter = read<Counter>(state, StateKind::counter);
  if (!counter) return std::unexpected{counter.error()};
  if (auto set = set_frequency(descriptor_, counter->khz); !set) return set;
  auto msrs = read_list<kvm_msr_entry>(state, StateKind::model_registers, x86_64::kMaxModelRegisters);
  if (!msrs) return std::unexpected{msrs.error()};
  std::optional<std::uint64_t> deadline;
  for (const auto& msr : msrs->entries()) {
    if (msr.index == kDeadlineMsr) deadline = msr.data;
  }
  std::vector<kvm_msr_entry> others;
  std::ranges::copy_if(msrs->entries(), std::back_inserter(others),
                       [](const kvm_msr_entry& msr) { return msr.index != kDeadlineMsr && msr.index != kCounterMsr; });
  const auto is_special = [](const Part& part) { return part.kind == StateKind::special_registers; };
  for (const auto& part : kVcpuParts) {
    if (is_special(part)) {
      if (auto set = set_part(descriptor_, state, part); !set) return set;
      if (auto set = set_msr(descriptor_, kCounterMsr, advanced(*counter)); !set) return set;
      if (auto set = set_msrs(descriptor_, others); !set) return set;
      continue;
    }
    if (auto set = set_part(descriptor_, state, part); !set) return set;
  }
  if (deadline.value_or(0) != 0) {
    if (auto set = set_msr(descriptor_, kDeadlineMsr, *deadline); !set) return set;
  }
  // A hypercall that is repeated finds its argument here.
  if (syncs_registers_) {
    const auto general = read<kvm_regs>(state, StateKind::general_registers);
    if (general) shared().s.regs.regs = *general;
  }
  return {};
}

auto Vm::save_state(bool has_timer) const -> Result<State> {
  State state;
  for (const auto& [kind, number] : kControllers) {
    kvm_irqchip chip{};
    chip.chip_id = static_cast<std::uint32_t>(number);
    if (auto got = call(descriptor_, KVM_GET_IRQCHIP, &chip, "KVM_GET_IRQCHIP"); !got) {
      return std::unexpected{got.error()};
    }
    state.push_back(part_of(kind, chip));
  }
  if (has_timer) {
    kvm_pit_state2 timer{};
    if (auto got = call(descriptor_, KVM_GET_PIT2, &timer, "KVM_GET_PIT2"); !got) return std::unexpected{got.error()};
    state.push_back(part_of(StateKind::timer, timer));
  }
  kvm_clock_data clock{};
  if (auto got = call(descriptor_, KVM_GET_CLOCK, &clock, "KVM_GET_CLOCK"); !got) return std::unexpected{got.error()};
  state.push_back(part_of(StateKind::clock, Clock{.value = clock.clock, .host_time = host_time()}));
  return state;
}

auto Vm::restore_state(std::span<const StatePart> state, bool has_timer) -> Result<void> {
  for (const auto& [kind, number] : kControllers) {
    auto chip = read<kvm_irqchip>(state, kind);
    if (!chip) return std::unexpected{chip.error()};
    chip->chip_id = static_cast<std::uint32_t>(number);
    if (auto set = call(descriptor_, KVM_SET_IRQCHIP, &*chip, "KVM_SET_IRQCHIP"); !set) return set;
  }
  if (has_timer) {
    auto timer = read<kvm_pit_state2>(state, StateKind::timer);
    if (!timer) return std::unexpected{timer.error()};
    if (auto set = call(descriptor_, KVM_SET_PIT2, &*timer, "KVM_SET_PIT2"); !set) return set;
  }
  const auto saved = read<Clock>(state, StateKind::clock);
  if (!saved) return std::unexpected{saved.error()};
  kvm_clock_data clock{};
  clock.clock = saved->value + elapsed_since(saved->host_time);
  return call(descriptor_, KVM_SET_CLOCK, &clock, "KVM_SET_CLOCK");
}

}  // namespace hermitage::vmm::kvm
