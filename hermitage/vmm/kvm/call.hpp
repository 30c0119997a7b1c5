// KVM's system calls. Errors contain their names.
#pragma once

#include <string_view>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::kvm {

// kvm_failed, with the name of the call and errno.
[[nodiscard]] auto call_failed(std::string_view name) -> std::unexpected<Error>;

// Calls ioctl(2). `name` is the name of the request in the error.
[[nodiscard]] auto call(const Descriptor& descriptor, unsigned long request, void* argument, std::string_view name)
    -> Result<void>;
[[nodiscard]] auto call(const Descriptor& descriptor, unsigned long request, unsigned long argument,
                        std::string_view name) -> Result<int>;

}  // namespace hermitage::vmm::kvm
