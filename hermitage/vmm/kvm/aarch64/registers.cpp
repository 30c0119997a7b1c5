#include "hermitage/vmm/kvm/aarch64/registers.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/ioctl.h>

namespace hermitage::vmm::kvm {
namespace {

auto access_register(const Descriptor& vcpu, unsigned long request, const char* name, RegisterNumber number,
                     const void* value) -> Result<void> {
  const kvm_one_reg access{.id = number, .addr = reinterpret_cast<std::uint64_t>(value)};
  if (::ioctl(vcpu.get(), request, &access) == 0) return {};
  return fail(ErrorCode::kvm_failed, fmt::format("{} (register {:#x}): {}", name, number, std::strerror(errno)));
}

}  // namespace

auto get_register(const Descriptor& vcpu, RegisterNumber number, void* value) -> Result<void> {
  return access_register(vcpu, KVM_GET_ONE_REG, "KVM_GET_ONE_REG", number, value);
}

auto set_register(const Descriptor& vcpu, RegisterNumber number, const void* value) -> Result<void> {
  return access_register(vcpu, KVM_SET_ONE_REG, "KVM_SET_ONE_REG", number, value);
}

auto set_register(const Descriptor& vcpu, RegisterNumber number, std::uint64_t value) -> Result<void> {
  return set_register(vcpu, number, static_cast<const void*>(&value));
}

auto register_value(const Descriptor& vcpu, RegisterNumber number) noexcept -> std::uint64_t {
  std::uint64_t value = 0;
  const kvm_one_reg access{.id = number, .addr = reinterpret_cast<std::uint64_t>(&value)};
  ::ioctl(vcpu.get(), KVM_GET_ONE_REG, &access);
  return value;
}

}  // namespace hermitage::vmm::kvm
