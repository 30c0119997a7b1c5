#include "hermitage/vmm/kvm/vm.hpp"

#include <linux/kvm.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "hermitage/vmm/kvm/call.hpp"

namespace hermitage::vmm::kvm {
namespace {

constexpr std::uint32_t kMemorySlot = 0;

}  // namespace

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
  return call(descriptor_, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
}

auto Vm::set_zeros(std::span<const GuestRange> ranges) -> Result<void> {
  std::size_t size = arch::kPageSize;
  for (const auto& range : ranges) size = std::max(size, range.end.value - range.start.value);
  auto* const zeros = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (zeros == MAP_FAILED) return system_failure("cannot map zero pages: mmap", errno);
  zeros_ = SharedPages{static_cast<std::byte*>(zeros), size};
  std::uint32_t slot = kMemorySlot;
  for (const auto& range : ranges) {
    kvm_userspace_memory_region region{.slot = ++slot,
                                       .flags = KVM_MEM_READONLY,
                                       .guest_phys_addr = range.start.value,
                                       .memory_size = range.end.value - range.start.value,
                                       .userspace_addr = reinterpret_cast<std::uint64_t>(zeros)};
    if (auto set = call(descriptor_, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION (read-only)");
        !set) {
      return set;
    }
  }
  return {};
}

auto Vm::coalesce_ports(std::uint16_t first, std::uint32_t count) -> bool {
  if (coalesced_page_ == 0) return false;
  kvm_coalesced_mmio_zone zone{};
  zone.addr = first;
  zone.size = count;
  zone.pio = 1;
  return ::ioctl(descriptor_.get(), KVM_REGISTER_COALESCED_MMIO, &zone) == 0;
}

auto Vm::signal_writes(GuestAddress address, int event) -> Result<void> {
  kvm_ioeventfd request{};
  request.addr = address.value;
  request.len = 0;  // any size
  request.fd = event;
  return call(descriptor_, KVM_IOEVENTFD, &request, "KVM_IOEVENTFD");
}

auto Vm::create_vcpu(std::uint32_t number) -> Result<Vcpu> {
  const auto created = call(descriptor_, KVM_CREATE_VCPU, static_cast<unsigned long>(number), "KVM_CREATE_VCPU");
  if (!created) return std::unexpected{created.error()};
  Descriptor descriptor{*created};
  auto* const pages = ::mmap(nullptr, vcpu_pages_size_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.get(), 0);
  if (pages == MAP_FAILED) return call_failed("mmap of the vCPU state");
  return Vcpu{std::move(descriptor), SharedPages{static_cast<std::byte*>(pages), vcpu_pages_size_}, syncs_registers_};
}

auto Vm::coalesced_writes(const Vcpu& first) const -> CoalescedWrites {
  constexpr std::size_t kRingSize = 4096;  // KVM's page, for any page size of the guest
  const auto offset = coalesced_page_ * kRingSize;
  const auto pages = first.pages_.bytes();
  if (coalesced_page_ == 0 || offset + kRingSize > pages.size()) return CoalescedWrites{};
  return CoalescedWrites{pages.subspan(offset, kRingSize)};
}

}  // namespace hermitage::vmm::kvm
