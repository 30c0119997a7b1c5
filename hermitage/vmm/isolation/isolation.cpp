#include "hermitage/vmm/isolation/isolation.hpp"

#include <utility>

#include "hermitage/vmm/isolation/sandbox.hpp"

namespace hermitage::vmm {

using isolation::Landlock;
using isolation::Role;

auto Isolation::make(IsolationOptions options, std::span<const isolation::OpenPath> paths) -> Result<Isolation> {
  Isolation result{options};
  if (options.file_isolation == FileIsolation::none) return result;
  if (isolation::landlock_version() == 0) {
    if (options.file_isolation == FileIsolation::normal) return result;
    return fail(
        ErrorCode::host_failed,
        "--file-isolation strict needs Landlock, which the host's kernel does not support or has not enabled (lsm=)");
  }
  auto landlock = Landlock::make(paths, options.around_caller);
  if (!landlock) return std::unexpected{landlock.error()};
  result.landlock_ = std::move(*landlock);
  return result;
}

auto Isolation::enclose_caller() const -> Result<void> {
  if (!options_.around_caller) return {};
  if (options_.sandbox) {
    if (auto guarded = isolation::guard_process(); !guarded) return guarded;
  }
  return enclose_thread();
}

auto Isolation::seal_caller() const -> Result<void> {
  if (!options_.around_caller || !options_.sandbox) return {};
  return isolation::filter_system_calls(Role::supervisor);
}

auto Isolation::enclose(Role role) const -> Result<void> {
  if (!options_.around_caller) {
    if (auto enclosed = enclose_thread(); !enclosed) return enclosed;
  }
  return options_.sandbox ? isolation::filter_system_calls(role) : Result<void>{};
}

auto Isolation::enclose_thread() const -> Result<void> {
  if (!options_.sandbox && !landlock_) return {};
  if (auto forbidden = isolation::forbid_new_privileges(); !forbidden) return forbidden;
  if (options_.sandbox) {
    if (auto dropped = isolation::drop_capabilities(); !dropped) return dropped;
  }
  return landlock_ ? landlock_->impose() : Result<void>{};
}

}  // namespace hermitage::vmm
