#include "hermitage/vmm/kvm/kvm.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

namespace hermitage::vmm::kvm {
namespace {

constexpr std::size_t kPageSize = 4096;
constexpr std::uint32_t kMemorySlot = 0;
constexpr std::uint32_t kMsrMiscEnable = 0x1a0;
constexpr std::uint64_t kMiscEnableFastStrings = 1;

auto call_failed(std::string_view call) -> std::unexpected<Error> {
  return fail(ErrorCode::kvm_failed, fmt::format("KVM refuses {}: {}", call, std::strerror(errno)));
}

auto call(const Descriptor& descriptor, unsigned long request, void* argument, std::string_view name) -> Result<void> {
  if (::ioctl(descriptor.get(), request, argument) < 0) return call_failed(name);
  return {};
}

auto call(const Descriptor& descriptor, unsigned long request, unsigned long argument, std::string_view name)
    -> Result<int> {
  const int result = ::ioctl(descriptor.get(), request, argument);
  if (result < 0) return call_failed(name);
  return result;
}

constexpr unsigned long kGetSupportedCpuid = _IOWR(KVMIO, 0x05, ListHeader);
constexpr unsigned long kSetCpuid = _IOW(KVMIO, 0x90, ListHeader);
constexpr unsigned long kSetModelRegisters = _IOW(KVMIO, 0x89, ListHeader);

// The same of kvm_coalesced_mmio_ring.
struct RingHeader {
  std::uint32_t first;  // the oldest entry: ours to advance
  std::uint32_t last;   // where KVM puts the next
};

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

}  // namespace

SharedPages::~SharedPages() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

Vcpu::Vcpu(Descriptor descriptor, SharedPages pages, bool syncs_registers) noexcept
    : descriptor_{std::move(descriptor)}, pages_{std::move(pages)}, syncs_registers_{syncs_registers} {
  if (syncs_registers_) shared().kvm_valid_regs = KVM_SYNC_X86_REGS;
}

auto Vcpu::set_cpuid(Cpuid& cpuid) -> Result<void> {
  return call(descriptor_, kSetCpuid, cpuid.header(), "the processor's features");
}

auto Vcpu::set_entry_state(const x86_64::EntryState& state) -> Result<void> {
  kvm_sregs special{};
  if (auto got = call(descriptor_, KVM_GET_SREGS, &special, "to tell the special registers"); !got) return got;
  special.cr0 = x86_64::kControl0Protection | x86_64::kControl0ExtensionType | x86_64::kControl0NumericError |
                x86_64::kControl0Paging;
  special.cr3 = state.cr3;
  special.cr4 = x86_64::kControl4PhysicalAddressExtension;
  special.efer = x86_64::kEferLongMode | x86_64::kEferLongModeActive | x86_64::kEferNoExecute;
  special.cs = segment(x86_64::kCodeSelector, true);
  special.ds = special.es = special.ss = segment(x86_64::kDataSelector, false);
  special.gdt.base = state.gdt;
  special.gdt.limit = sizeof x86_64::kDescriptorTable - 1;
  if (auto set = call(descriptor_, KVM_SET_SREGS, &special, "the special registers"); !set) return set;

  kvm_regs general{};
  general.rip = state.rip;
  general.rdi = state.rdi;
  general.rsi = state.rsi;
  general.rsp = state.rsp;
  general.rflags = 2;  // the bit that is always set
  return call(descriptor_, KVM_SET_REGS, &general, "the general registers");
}

auto Vcpu::set_model_registers() -> Result<void> {
  List<kvm_msr_entry> registers{1};
  registers.entries().front() = {.index = kMsrMiscEnable, .reserved = 0, .data = kMiscEnableFastStrings};
  return call(descriptor_, kSetModelRegisters, registers.header(), "the model specific registers");
}

auto Vcpu::set_runnable() -> Result<void> {
  kvm_mp_state state{.mp_state = KVM_MP_STATE_RUNNABLE};
  return call(descriptor_, KVM_SET_MP_STATE, &state, "to make the processor runnable");
}

auto Vcpu::tsc_khz() const -> std::optional<std::uint32_t> {
  const int khz = ::ioctl(descriptor_.get(), KVM_GET_TSC_KHZ, 0UL);
  if (khz <= 0) return std::nullopt;
  return static_cast<std::uint32_t>(khz);
}

auto Vcpu::run() -> Exit {
  if (::ioctl(descriptor_.get(), KVM_RUN, 0UL) != 0) {
    if (errno == EINTR || errno == EAGAIN) return Interrupted{};
    return RunFailure{errno};
  }
  auto& run = shared();
  switch (run.exit_reason) {
    case KVM_EXIT_IO: return port_exit();
    case KVM_EXIT_MMIO: {
      const std::span data{reinterpret_cast<std::byte*>(run.mmio.data),
                           std::min<std::size_t>(run.mmio.len, sizeof run.mmio.data)};
      if (run.mmio.is_write != 0) return MemoryWrite{.address = {run.mmio.phys_addr}, .data = data};
      return MemoryRead{.address = {run.mmio.phys_addr}, .data = data};
    }
    case KVM_EXIT_HLT: return Halt{};
    case KVM_EXIT_SHUTDOWN: return Shutdown{};
    case KVM_EXIT_INTR: return Interrupted{};
    case KVM_EXIT_FAIL_ENTRY: return EntryFailure{run.fail_entry.hardware_entry_failure_reason};
    case KVM_EXIT_INTERNAL_ERROR: return InternalError{run.internal.suberror};
    default: return UnknownExit{run.exit_reason};
  }
}

auto Vcpu::port_exit() -> Exit {
  const auto& io = shared().io;
  const auto data = pages_.bytes().subspan(io.data_offset, std::size_t{io.size} * io.count);
  if (io.direction == KVM_EXIT_IO_OUT) return PortWrite{.port = io.port, .data = data, .count = io.count};
  return PortRead{.port = io.port, .data = data};
}

void Vcpu::request_exit() noexcept {
  __atomic_store_n(&shared().immediate_exit, std::uint8_t{1}, __ATOMIC_RELEASE);
}

auto Vcpu::rdi() const noexcept -> std::uint64_t {
  if (syncs_registers_) return shared().s.regs.regs.rdi;
  kvm_regs general{};
  ::ioctl(descriptor_.get(), KVM_GET_REGS, &general);
  return general.rdi;
}

auto Vcpu::paging() const noexcept -> x86_64::PagingState {
  constexpr std::uint64_t kAddressMask = 0x000f'ffff'ffff'f000;
  kvm_sregs special{};
  ::ioctl(descriptor_.get(), KVM_GET_SREGS, &special);
  return {.page_map = {special.cr3 & kAddressMask}, .levels = (special.cr4 & x86_64::kControl4FiveLevels) != 0 ? 5 : 4};
}

auto Vcpu::registers() const -> x86_64::Registers {
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

auto CoalescedWrites::is_empty() const noexcept -> bool {
  if (page_.empty()) return true;
  const auto& ring = *reinterpret_cast<RingHeader*>(page_.data());
  return __atomic_load_n(&ring.first, __ATOMIC_RELAXED) == __atomic_load_n(&ring.last, __ATOMIC_ACQUIRE);
}

void CoalescedWrites::drain(const std::function<void(const Write&)>& visit) const {
  constexpr auto kEntries = static_cast<std::uint32_t>((kPageSize - sizeof(RingHeader)) / sizeof(kvm_coalesced_mmio));
  while (!is_empty()) {
    auto& ring = *reinterpret_cast<RingHeader*>(page_.data());
    const auto first = __atomic_load_n(&ring.first, __ATOMIC_RELAXED) % kEntries;
    kvm_coalesced_mmio entry;
    std::memcpy(&entry, page_.data() + sizeof(RingHeader) + first * sizeof entry, sizeof entry);
    visit({.port = static_cast<std::uint16_t>(entry.phys_addr),
           .data = std::as_bytes(std::span{entry.data}.first(std::min<std::size_t>(entry.len, sizeof entry.data)))});
    __atomic_store_n(&ring.first, (first + 1) % kEntries, __ATOMIC_RELEASE);
  }
}

Vm::Vm(Descriptor descriptor, std::size_t vcpu_pages_size, std::size_t coalesced_page, bool syncs_registers) noexcept
    : descriptor_{std::move(descriptor)},
      vcpu_pages_size_{vcpu_pages_size},
      coalesced_page_{coalesced_page},
      syncs_registers_{syncs_registers} {}

auto Vm::set_memory(const GuestMemory& memory) -> Result<void> {
  kvm_userspace_memory_region region{.slot = kMemorySlot,
                                     .flags = 0,
                                     .guest_phys_addr = memory.base().value,
                                     .memory_size = memory.size(),
                                     .userspace_addr = reinterpret_cast<std::uint64_t>(memory.bytes().data())};
  return call(descriptor_, KVM_SET_USER_MEMORY_REGION, &region, "the guest's memory");
}

auto Vm::set_zeros(std::span<const GuestRange> ranges) -> Result<void> {
  std::size_t size = kPageSize;
  for (const auto& range : ranges) size = std::max(size, range.end.value - range.start.value);
  auto* const zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) return system_failure("no memory for zeros", errno);
  zeros_ = SharedPages{static_cast<std::byte*>(zeros), size};
  std::uint32_t slot = kMemorySlot;
  for (const auto& range : ranges) {
    kvm_userspace_memory_region region{.slot = ++slot,
                                       .flags = KVM_MEM_READONLY,
                                       .guest_phys_addr = range.start.value,
                                       .memory_size = range.end.value - range.start.value,
                                       .userspace_addr = reinterpret_cast<std::uint64_t>(zeros)};
    if (auto set = call(descriptor_, KVM_SET_USER_MEMORY_REGION, &region, "memory that is only read"); !set) return set;
  }
  return {};
}

auto Vm::create_devices(const Kvm& kvm, VmOptions options) -> Result<void> {
  if (auto made = call(descriptor_, KVM_CREATE_IRQCHIP, 0UL, "the interrupt controllers"); !made) {
    return std::unexpected{made.error()};
  }
  if (options.timer) {
    kvm_pit_config timer{};
    if (auto made = call(descriptor_, KVM_CREATE_PIT2, &timer, "a timer (--pit)"); !made) return made;
  }
  kvm_enable_cap x2apic{};
  x2apic.cap = KVM_CAP_X2APIC_API;
  x2apic.args[0] = KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;
  if (auto set = call(descriptor_, KVM_ENABLE_CAP, &x2apic, "numbers of 32 bits for processors"); !set) return set;
  if (!options.manages_power) return {};
  kvm_enable_cap exits{};
  exits.cap = KVM_CAP_X86_DISABLE_EXITS;
  exits.args[0] = static_cast<std::uint64_t>(kvm.extension(KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_VALID_EXITS);
  return call(descriptor_, KVM_ENABLE_CAP, &exits, "to let the guest manage power (--cpu-pm)");
}

auto Vm::coalesce_port(std::uint16_t port, std::uint32_t size) -> bool {
  if (coalesced_page_ == 0) return false;
  kvm_coalesced_mmio_zone zone{};
  zone.addr = port;
  zone.size = size;
  zone.pio = 1;
  return ::ioctl(descriptor_.get(), KVM_REGISTER_COALESCED_MMIO, &zone) == 0;
}

auto Vm::create_vcpu(unsigned number) -> Result<Vcpu> {
  const auto created = call(descriptor_, KVM_CREATE_VCPU, static_cast<unsigned long>(number), "another processor");
  if (!created) return std::unexpected{created.error()};
  Descriptor descriptor{*created};
  auto* const pages = ::mmap(nullptr, vcpu_pages_size_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0);
  if (pages == MAP_FAILED) return call_failed("to share a processor's state");
  return Vcpu{std::move(descriptor), SharedPages{static_cast<std::byte*>(pages), vcpu_pages_size_}, syncs_registers_};
}

auto Vm::coalesced_writes(const Vcpu& first) const -> CoalescedWrites {
  const auto offset = coalesced_page_ * kPageSize;
  const auto pages = first.pages_.bytes();
  if (coalesced_page_ == 0 || offset + kPageSize > pages.size()) return CoalescedWrites{};
  return CoalescedWrites{pages.subspan(offset, kPageSize)};
}

auto Kvm::open() -> Result<Kvm> {
  Descriptor descriptor{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  if (!descriptor.is_open() && (errno == EACCES || errno == EPERM)) {
    return fail(
        ErrorCode::kvm_permission,
        "no permission for /dev/kvm; join the group that owns it (sudo usermod -aG kvm $USER) and log in again");
  }
  if (!descriptor.is_open()) {
    return fail(ErrorCode::kvm_missing,
                fmt::format("no KVM here (/dev/kvm: {}); load the module kvm_intel or kvm_amd, and switch on "
                            "virtualization in the firmware, or nested virtualization in the hypervisor",
                            std::strerror(errno)));
  }
  const int version = ::ioctl(descriptor.get(), KVM_GET_API_VERSION, 0UL);
  if (version != KVM_API_VERSION) {
    return fail(ErrorCode::kvm_missing,
                fmt::format("/dev/kvm speaks version {} of KVM, not {}", version, KVM_API_VERSION));
  }
  return Kvm{std::move(descriptor)};
}

auto Kvm::extension(unsigned long capability) const noexcept -> int {
  return std::max(0, ::ioctl(descriptor_.get(), KVM_CHECK_EXTENSION, capability));
}

auto Kvm::max_vcpus() const noexcept -> unsigned {
  const int max = extension(KVM_CAP_MAX_VCPUS);
  return static_cast<unsigned>(max > 0 ? max : std::max(4, extension(KVM_CAP_NR_VCPUS)));
}

auto Kvm::supported_cpuid() const -> Result<Cpuid> {
  constexpr std::size_t kMaxEntries = 256;
  Cpuid cpuid{kMaxEntries};
  if (auto got = call(descriptor_, kGetSupportedCpuid, cpuid.header(), "to tell the processor's features"); !got) {
    return std::unexpected{got.error()};
  }
  return cpuid;
}

auto Kvm::create_vm() const -> Result<Vm> {
  const auto created = call(descriptor_, KVM_CREATE_VM, 0UL, "to make a machine");
  if (!created) return std::unexpected{created.error()};
  Descriptor vm{*created};
  const auto pages_size = call(descriptor_, KVM_GET_VCPU_MMAP_SIZE, 0UL, "to share processors' state");
  if (!pages_size) return std::unexpected{pages_size.error()};
  const bool coalesces_ports = extension(KVM_CAP_COALESCED_PIO) != 0;
  const auto coalesced_page = coalesces_ports ? static_cast<std::size_t>(extension(KVM_CAP_COALESCED_MMIO)) : 0;
  const bool syncs_registers = (static_cast<unsigned>(extension(KVM_CAP_SYNC_REGS)) & KVM_SYNC_X86_REGS) != 0;
  return Vm{std::move(vm), static_cast<std::size_t>(*pages_size), coalesced_page, syncs_registers};
}

}  // namespace hermitage::vmm::kvm
