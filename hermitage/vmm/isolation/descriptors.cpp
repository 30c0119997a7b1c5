#include "hermitage/vmm/isolation/descriptors.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "hermitage/vmm/event.hpp"

namespace hermitage::vmm::isolation {

auto keep_only(std::span<const int> descriptors) -> Result<void> {
  std::vector<unsigned> kept{STDERR_FILENO};
  for (const int descriptor : descriptors) kept.push_back(static_cast<unsigned>(descriptor));
  std::ranges::sort(kept);
  if (::unshare(CLONE_FILES) != 0) return system_failure("unshare(CLONE_FILES)", errno);
  unsigned first = 0;
  for (const auto descriptor : kept) {
    if (descriptor > first && ::close_range(first, descriptor - 1, 0) != 0) return system_failure("close_range", errno);
    first = std::max(first, descriptor + 1);
  }
  if (::close_range(first, std::numeric_limits<unsigned>::max(), 0) != 0) return system_failure("close_range", errno);
  return {};
}

auto hide(std::span<const int> descriptors) -> Result<void> {
  // An object without a path, because files may already be inaccessible.
  const auto nothing = Event::make();
  if (!nothing) return std::unexpected{nothing.error()};
  for (const int descriptor : descriptors) {
    if (::dup3(nothing->descriptor(), descriptor, O_CLOEXEC) < 0) return system_failure("dup3", errno);
  }
  return {};
}

}  // namespace hermitage::vmm::isolation
