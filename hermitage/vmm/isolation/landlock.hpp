// Linux's Landlock, as far as the running kernel has it: what a thread may reach of the file system and beyond.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm::isolation {

// A file or directory that stays in reach, with everything below it.
struct OpenPath {
  enum class Access : std::uint8_t {
    read,          // files and directories
    write,         // that, and making, writing and removing files, and making directories
    clean_up,      // removing empty directories, and nothing else
    remove_files,  // removing files, and nothing else
    make_files,    // making, reading, writing and removing files; directories cannot be listed or made
  };

  int descriptor = -1;
  Access access = Access::read;

  friend auto operator==(const OpenPath&, const OpenPath&) -> bool = default;
};

// The version of Landlock that the kernel has, from 1 on; 0 without. Version 1 knows names, 3 truncating a file, 4 TCP,
// 5 commands to devices, and 6 abstract sockets and signals.
[[nodiscard]] auto landlock_version() noexcept -> int;

// A thread under this ruleset can open, make and remove nothing but those paths. It can execute no file, use no TCP,
// and send no ioctl to devices that it opens. What is open stays open.
class Landlock {
 public:
  // `confines_signals`: nor send signals to others, or connect to their abstract sockets. Only for those that have it
  // from one thread that started them all: Linux 6.12 takes threads on which it is imposed one by one for strangers.
  // Precondition: landlock_version() > 0. Fails with host_failed.
  [[nodiscard]] static auto make(std::span<const OpenPath> paths, bool confines_signals) -> Result<Landlock>;

  // On the calling thread, and those that it starts. Precondition: PR_SET_NO_NEW_PRIVS.
  [[nodiscard]] auto impose() const -> Result<void>;

 private:
  explicit Landlock(Descriptor rules) noexcept : rules_{std::move(rules)} {}

  Descriptor rules_;
};

}  // namespace hermitage::vmm::isolation
