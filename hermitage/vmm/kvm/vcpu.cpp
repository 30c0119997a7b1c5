#include "hermitage/vmm/kvm/vcpu.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/ioctl.h>

namespace hermitage::vmm::kvm {

Vcpu::Vcpu(Descriptor descriptor, SharedPages pages, bool syncs_registers) noexcept
    : descriptor_{std::move(descriptor)}, pages_{std::move(pages)}, syncs_registers_{syncs_registers} {
  if (syncs_registers_) sync_registers();
}

auto Vcpu::run() -> Exit {
  if (::ioctl(descriptor_.get(), KVM_RUN, 0UL) != 0) {
    if (errno == EINTR || errno == EAGAIN) return Interrupted{};
    return RunFailure{errno};
  }
  auto& run = shared();
  switch (run.exit_reason) {
    case KVM_EXIT_IO: return port_access();
    case KVM_EXIT_MMIO:
      return IoAccess{.space = AddressSpace::memory,
                      .is_write = run.mmio.is_write != 0,
                      .address = run.mmio.phys_addr,
                      .data = {reinterpret_cast<std::byte*>(run.mmio.data),
                               std::min<std::size_t>(run.mmio.len, sizeof run.mmio.data)},
                      .count = 1};
    case KVM_EXIT_HLT: return Halt{};
    case KVM_EXIT_SHUTDOWN: return Shutdown{};
    case KVM_EXIT_INTR: return Interrupted{};
    case KVM_EXIT_DEBUG: return debug_event();
    case KVM_EXIT_FAIL_ENTRY: return EntryFailure{run.fail_entry.hardware_entry_failure_reason};
    case KVM_EXIT_INTERNAL_ERROR: return InternalError{run.internal.suberror};
    default: return UnknownExit{run.exit_reason};
  }
}

auto Vcpu::port_access() -> Exit {
  const auto& io = shared().io;
  return IoAccess{.space = AddressSpace::ports,
                  .is_write = io.direction == KVM_EXIT_IO_OUT,
                  .address = io.port,
                  .data = pages_.bytes().subspan(io.data_offset, std::size_t{io.size} * io.count),
                  .count = io.count};
}

void Vcpu::request_exit() noexcept {
  __atomic_store_n(&shared().immediate_exit, std::uint8_t{1}, __ATOMIC_SEQ_CST);
}

void Vcpu::withdraw_exit() noexcept {
  __atomic_store_n(&shared().immediate_exit, std::uint8_t{0}, __ATOMIC_SEQ_CST);
}

}  // namespace hermitage::vmm::kvm
