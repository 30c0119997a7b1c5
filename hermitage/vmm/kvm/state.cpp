#include "hermitage/vmm/kvm/state.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include <fcntl.h>
#include <unistd.h>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm::kvm {

auto host_time() noexcept -> std::uint64_t {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

auto host_boot() -> std::string {
  const Descriptor file{::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)};
  std::array<char, 64> text{};
  const auto size = file.is_open() ? ::read(file.get(), text.data(), text.size()) : 0;
  return {text.data(), std::ranges::find(text.data(), text.data() + std::max<ssize_t>(size, 0), '\n')};
}

}  // namespace hermitage::vmm::kvm
