#include "hermitage/vmm/arch/aarch64/limits.hpp"

#include <fmt/format.h>

namespace hermitage::vmm::aarch64 {
namespace {

// Earlier kernels do not wait for their turn: all vCPUs use the stack of the first one.
constexpr entry::HermitVersion kFirstWithVcpus{.major = 0, .minor = 12, .patch = 0};

auto check_vcpus(const MachineShape& shape) -> Result<void> {
  if (shape.cpu_count > kMaxVcpus) {
    return fail(
        ErrorCode::image,
        fmt::format("an aarch64 guest can have at most {} vCPUs, because Hermit kernels number no more", kMaxVcpus));
  }
  const bool is_old = shape.version && *shape.version < kFirstWithVcpus;
  if (shape.cpu_count > 1 && is_old) {
    return fail(ErrorCode::image,
                fmt::format("Hermit {} for aarch64 can have only one vCPU under a monitor; use -c 1, or Hermit {}",
                            shape.version->text().view(), kFirstWithVcpus.text().view()));
  }
  return {};
}

}  // namespace

auto check_limits(const MachineShape& shape) -> Result<void> {
  if (shape.has_network) {
    return fail(ErrorCode::image,
                "the monitor has no network for aarch64 guests; omit --net and --publish, or use --engine qemu");
  }
  if (shape.has_timer) return fail(ErrorCode::configuration, "--pit: aarch64 machines have no i8254");
  if (shape.manages_power) return fail(ErrorCode::configuration, "--cpu-pm: KVM has no such option on aarch64");
  if (shape.saves) return fail(ErrorCode::configuration, "the monitor cannot save aarch64 guests to snapshots");
  return check_vcpus(shape);
}

}  // namespace hermitage::vmm::aarch64
