// KVM's system calls, with errors that name them.
#pragma once

#include <string_view>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::kvm {

// kvm_failed, with the name of the call and errno.
[[nodiscard]] auto call_failed(std::string_view name) -> std::unexpected<Error>;

// ioctl(2). `name` is what the call asks for, as its error says it.
[[nodiscard]] auto call(const Descriptor& descriptor, unsigned long request, void* argument, std::string_view name)
    -> Result<void>;
[[nodiscard]] auto call(const Descriptor& descriptor, unsigned long request, unsigned long argument,
                        std::string_view name) -> Result<int>;

}  // namespace hermitage::vmm::kvm
