#include "hermitage/vmm/kvm/kvm.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include "hermitage/vmm/kvm/advice.hpp"
#include "hermitage/vmm/kvm/call.hpp"

namespace hermitage::vmm::kvm {

auto Kvm::open() -> Result<Kvm> {
  Descriptor descriptor{::open("/dev/kvm", O_RDWR | O_CLOEXEC)};
  if (!descriptor.is_open() && (errno == EACCES || errno == EPERM)) {
    return fail(
        ErrorCode::kvm_permission,
        "no permission to open /dev/kvm; join the group that owns it (sudo usermod -aG kvm $USER) and log in again");
  }
  if (!descriptor.is_open()) {
    return fail(ErrorCode::kvm_missing,
                fmt::format("cannot open /dev/kvm: {}; {}", std::strerror(errno), how_to_get_kvm()));
  }
  const int version = ::ioctl(descriptor.get(), KVM_GET_API_VERSION, 0UL);
  if (version != KVM_API_VERSION) {
    return fail(ErrorCode::kvm_missing, fmt::format("/dev/kvm has API version {}, not {}", version, KVM_API_VERSION));
  }
  return Kvm{std::move(descriptor)};
}

auto Kvm::open(int inherited) -> Result<Kvm> {
  if (inherited < 0) return open();
  Descriptor descriptor{::fcntl(inherited, F_DUPFD_CLOEXEC, 3)};
  if (!descriptor.is_open()) {
    return fail(ErrorCode::configuration, fmt::format("descriptor {} of KVM: {}", inherited, std::strerror(errno)));
  }
  const int version = ::ioctl(descriptor.get(), KVM_GET_API_VERSION, 0UL);
  if (version != KVM_API_VERSION) {
    return fail(ErrorCode::configuration, fmt::format("descriptor {} is not an open /dev/kvm", inherited));
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

auto Kvm::create_vm() const -> Result<Vm> {
  const auto created = call(descriptor_, KVM_CREATE_VM, vm_type(), "KVM_CREATE_VM");
  if (!created) return std::unexpected{created.error()};
  Descriptor vm{*created};
  const auto pages_size = call(descriptor_, KVM_GET_VCPU_MMAP_SIZE, 0UL, "KVM_GET_VCPU_MMAP_SIZE");
  if (!pages_size) return std::unexpected{pages_size.error()};
  const bool coalesces_ports = extension(KVM_CAP_COALESCED_PIO) != 0;
  const auto coalesced_page = coalesces_ports ? static_cast<std::size_t>(extension(KVM_CAP_COALESCED_MMIO)) : 0;
  return Vm{std::move(vm), static_cast<std::size_t>(*pages_size), coalesced_page, can_sync_registers()};
}

}  // namespace hermitage::vmm::kvm
