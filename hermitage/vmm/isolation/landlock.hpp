// Linux's Landlock, as far as the running kernel supports it: limits the access of a thread to the file system and
// other resources.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::isolation {

// A file or directory that stays accessible, with everything below it.
struct OpenPath {
  enum class Access : std::uint8_t {
    read,          // files and directories
    write,         // as read; and creating, writing and removing files, and creating directories
    clean_up,      // only removing empty directories
    remove_files,  // only removing files
    make_files,    // creating, reading, writing and removing files; directories cannot be listed or created
  };

  int descriptor = -1;
  Access access = Access::read;

  friend auto operator==(const OpenPath&, const OpenPath&) -> bool = default;
};

// The Landlock version of the kernel, from 1; 0 without Landlock. Version 1 restricts opening, creating and removing
// files, 3 truncating files, 4 TCP, 5 ioctl on devices, and 6 abstract sockets and signals.
[[nodiscard]] auto landlock_version() noexcept -> int;

// A thread under this ruleset can open, create and remove only those paths. It cannot execute files, use TCP, or send
// an ioctl to devices that it opens. Open files stay open.
class Landlock {
 public:
  // `confines_signals`: the thread also cannot send signals to other processes, or connect to their abstract sockets.
  // Use this only if all threads inherit the ruleset from the thread that started them. Linux 6.12 treats threads that
  // impose it separately as foreign. Precondition: landlock_version() > 0. Fails with host_failed.
  [[nodiscard]] static auto make(std::span<const OpenPath> paths, bool confines_signals) -> Result<Landlock>;

  // Imposes it on the calling thread and threads that it starts later. Precondition: PR_SET_NO_NEW_PRIVS.
  [[nodiscard]] auto impose() const -> Result<void>;

 private:
  explicit Landlock(Descriptor rules) noexcept : rules_{std::move(rules)} {}

  Descriptor rules_;
};

}  // namespace hermitage::vmm::isolation
