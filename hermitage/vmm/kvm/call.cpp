#include "hermitage/vmm/kvm/call.hpp"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/ioctl.h>

namespace hermitage::vmm::kvm {

auto call_failed(std::string_view name) -> std::unexpected<Error> {
  return fail(ErrorCode::kvm_failed, fmt::format("{}: {}", name, std::strerror(errno)));
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

}  // namespace hermitage::vmm::kvm
