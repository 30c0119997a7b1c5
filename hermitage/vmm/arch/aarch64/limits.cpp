#include "hermitage/vmm/arch/aarch64/limits.hpp"

#include <string_view>

#include <fmt/format.h>

namespace hermitage::vmm::aarch64 {
namespace {

// Earlier kernels do not wait for their turn: all vCPUs use the stack of the first one. They also stop unless the
// configuration space of PCI is a multiple of 256 MiB, of which they map each page, and look for 8192 functions.
constexpr entry::HermitVersion kFirstComplete{.major = 0, .minor = 12, .patch = 0};

auto check_version(const MachineShape& shape) -> Result<void> {
  if (!shape.version || *shape.version >= kFirstComplete) return {};
  const auto refuse = [&](std::string_view limit, std::string_view remedy) {
    return fail(ErrorCode::image,
                fmt::format("Hermit {} for aarch64 can have {} under a monitor; {}, or Hermit {}",
                            shape.version->text().view(), limit, remedy, kFirstComplete.text().view()));
  };
  if (shape.cpu_count > 1) return refuse("only one vCPU", "use -c 1");
  if (shape.has_network) return refuse("no network", "omit --net and --publish, use --engine qemu");
  return {};
}

auto check_vcpus(const MachineShape& shape) -> Result<void> {
  if (shape.cpu_count > kMaxVcpus) {
    return fail(
        ErrorCode::image,
        fmt::format("an aarch64 guest can have at most {} vCPUs, because Hermit kernels number no more", kMaxVcpus));
  }
  return {};
}

}  // namespace

auto check_limits(const MachineShape& shape) -> Result<void> {
  if (shape.has_timer) return fail(ErrorCode::configuration, "--pit: aarch64 machines have no i8254");
  if (shape.manages_power) return fail(ErrorCode::configuration, "--cpu-pm: KVM has no such option on aarch64");
  if (shape.saves) return fail(ErrorCode::configuration, "the monitor cannot save aarch64 guests to snapshots");
  if (auto checked = check_vcpus(shape); !checked) return checked;
  return check_version(shape);
}

}  // namespace hermitage::vmm::aarch64
