#include "hermitage/vmm/kvm/vcpu.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <pthread.h>
#include <sys/ioctl.h>

#include "hermitage/vmm/kvm/call.hpp"

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
    case KVM_EXIT_SYSTEM_EVENT: return PowerOff{};
    case KVM_EXIT_INTR: return Interrupted{};
    case KVM_EXIT_DEBUG: return debug_event();
    case KVM_EXIT_ARM_NISV: return UndecodedAccess{run.arm_nisv.fault_ipa};
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

auto Vcpu::complete_access() -> Result<void> {
  request_exit();
  const auto exit = run();
  if (std::holds_alternative<Interrupted>(exit)) return {};
  return fail(ErrorCode::kvm_failed, "KVM_RUN: a vCPU that must not run has run");
}

void Vcpu::request_exit() noexcept {
  __atomic_store_n(&shared().immediate_exit, std::uint8_t{1}, __ATOMIC_SEQ_CST);
}

auto Vcpu::interrupt_at(int signal) -> Result<void> {
  // kvm_signal_mask, whose set of signals has the size that it has in the kernel.
  constexpr unsigned long kSetSignalMask = _IOW(KVMIO, 0x8b, std::uint32_t);
  struct {
    std::uint32_t size = sizeof(std::uint64_t);
    std::array<std::byte, sizeof(std::uint64_t)> signals{};
  } mask;
  sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  ::sigdelset(&blocked, signal);
  std::memcpy(mask.signals.data(), &blocked, mask.signals.size());
  return call(descriptor_, kSetSignalMask, &mask, "KVM_SET_SIGNAL_MASK");
}

auto Vcpu::is_halted() const noexcept -> bool {
  kvm_mp_state state{};
  return ::ioctl(descriptor_.get(), KVM_GET_MP_STATE, &state) == 0 && state.mp_state == KVM_MP_STATE_HALTED;
}

void Vcpu::withdraw_exit() noexcept {
  __atomic_store_n(&shared().immediate_exit, std::uint8_t{0}, __ATOMIC_SEQ_CST);
}

}  // namespace hermitage::vmm::kvm
