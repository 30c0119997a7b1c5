#include "hermitage/vmm/kvm/state.hpp"

#include <chrono>

namespace hermitage::vmm::kvm {

auto host_time() noexcept -> std::uint64_t {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace hermitage::vmm::kvm
