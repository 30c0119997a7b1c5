#include "hermitage/vmm/isolation/landlock.hpp"

#include <linux/landlock.h>

#include <cerrno>

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace hermitage::vmm::isolation {
namespace {

// Definitions that headers of Linux 6.1 do not have: https://docs.kernel.org/userspace-api/landlock.html
constexpr std::uint64_t kTruncate = 1 << 14;       // from version 3
constexpr std::uint64_t kDeviceCommand = 1 << 15;  // 5
constexpr std::uint64_t kBindTcp = 1 << 0;         // 4
constexpr std::uint64_t kConnectTcp = 1 << 1;
constexpr std::uint64_t kScopeAbstractSockets = 1 << 0;  // 6
constexpr std::uint64_t kScopeSignals = 1 << 1;

struct RulesetAttributes {
  std::uint64_t handled_access_fs = 0;
  std::uint64_t handled_access_net = 0;
  std::uint64_t scoped = 0;
};

constexpr std::uint64_t kAllOfVersion1 = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1;
constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = kRead | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate | LANDLOCK_ACCESS_FS_MAKE_REG |
                                 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE;
constexpr std::uint64_t kMakeFiles = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate |
                                     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
// Rights that apply to objects other than directories.
constexpr std::uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | kTruncate;

auto restrictions(int version, bool confines_signals) -> RulesetAttributes {
  RulesetAttributes attributes{.handled_access_fs = kAllOfVersion1};
  if (version >= 2) attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (version >= 3) attributes.handled_access_fs |= kTruncate;
  if (version >= 4) attributes.handled_access_net = kBindTcp | kConnectTcp;
  if (version >= 5) attributes.handled_access_fs |= kDeviceCommand;
  if (version >= 6 && confines_signals) attributes.scoped = kScopeAbstractSockets | kScopeSignals;
  return attributes;
}

// The structure has grown with the versions. Older kernels accept a larger one only if the additional bytes are zero.
auto size_of_attributes(int version) -> std::size_t {
  if (version >= 6) return sizeof(RulesetAttributes);
  return version >= 4 ? offsetof(RulesetAttributes, scoped) : offsetof(RulesetAttributes, handled_access_net);
}

auto access_to(const OpenPath& path) -> std::uint64_t {
  switch (path.access) {
    case OpenPath::Access::read: return kRead;
    case OpenPath::Access::write: return kWrite;
    case OpenPath::Access::clean_up: return LANDLOCK_ACCESS_FS_REMOVE_DIR;
    case OpenPath::Access::remove_files: return LANDLOCK_ACCESS_FS_REMOVE_FILE;
    case OpenPath::Access::make_files: return kMakeFiles;
  }
  return 0;
}

auto call_failed(std::string_view call) -> std::unexpected<Error> {
  return system_failure("cannot isolate files: " + std::string{call}, errno);
}

}  // namespace

auto landlock_version() noexcept -> int {
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? static_cast<int>(version) : 0;
}

auto Landlock::make(std::span<const OpenPath> paths, bool confines_signals) -> Result<Landlock> {
  const int version = landlock_version();
  const auto attributes = restrictions(version, confines_signals);
  Descriptor rules{
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size_of_attributes(version), 0))};
  if (!rules.is_open()) return call_failed("landlock_create_ruleset");
  for (const auto& path : paths) {
    struct stat status{};
    if (::fstat(path.descriptor, &status) != 0) return call_failed("fstat");
    auto access = access_to(path) & attributes.handled_access_fs;
    if (!S_ISDIR(status.st_mode)) access &= kOfFiles;
    const landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = path.descriptor};
    if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0) {
      return call_failed("landlock_add_rule");
    }
  }
  return Landlock{std::move(rules)};
}

auto Landlock::impose() const -> Result<void> {
  if (::syscall(SYS_landlock_restrict_self, rules_.get(), 0) != 0) return call_failed("landlock_restrict_self");
  return {};
}

}  // namespace hermitage::vmm::isolation
