#include "hermitage/vmm/walls/walls.hpp"

#include <utility>

#include "hermitage/vmm/walls/sandbox.hpp"

namespace hermitage::vmm {

using walls::Landlock;
using walls::Role;

auto Walls::make(WallOptions options, std::span<const walls::OpenPath> paths) -> Result<Walls> {
  Walls result{options};
  if (options.file_isolation == FileIsolation::none) return result;
  if (walls::landlock_version() == 0) {
    if (options.file_isolation == FileIsolation::normal) return result;
    return fail(
        ErrorCode::host_failed,
        "strict file isolation needs Landlock, which this kernel does not have or was told to leave out (lsm=)");
  }
  auto landlock = Landlock::make(paths, options.around_caller);
  if (!landlock) return std::unexpected{landlock.error()};
  result.landlock_ = std::move(*landlock);
  return result;
}

auto Walls::enclose_caller() const -> Result<void> {
  if (!options_.around_caller) return {};
  if (options_.sandbox) {
    if (auto guarded = walls::guard_process(); !guarded) return guarded;
  }
  return enclose_thread();
}

auto Walls::seal_caller() const -> Result<void> {
  if (!options_.around_caller || !options_.sandbox) return {};
  return walls::filter_system_calls(Role::supervisor);
}

auto Walls::enclose_processor() const -> Result<void> {
  if (!options_.around_caller) {
    if (auto enclosed = enclose_thread(); !enclosed) return enclosed;
  }
  return options_.sandbox ? walls::filter_system_calls(Role::processor) : Result<void>{};
}

auto Walls::enclose_thread() const -> Result<void> {
  if (!options_.sandbox && !landlock_) return {};
  if (auto forbidden = walls::forbid_new_privileges(); !forbidden) return forbidden;
  if (options_.sandbox) {
    if (auto dropped = walls::drop_capabilities(); !dropped) return dropped;
  }
  return landlock_ ? landlock_->impose() : Result<void>{};
}

}  // namespace hermitage::vmm
