// A directory on the host for the files that one guest creates.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm {

// Whether a directory of this name can be the private directory of a monitor. Ignores case, as some file systems do. No
// guest can reach such a name through a mapping.
[[nodiscard]] auto is_private_name(std::string_view name) noexcept -> bool;

// A directory named `hermitage-` and sixteen hexadecimal digits, with mode 0700. It contains files and no directories.
// The destructor removes it with its content. While this object exists, it holds a lock (flock(2)) on the directory. A
// directory of the same user without a lock is left over from a process that was killed. It is removed when the next
// one is made beside it, or one of the next: a start looks only at a part of more than 32 directories.
class PrivateDirectory {
 public:
  // Fails with the system's error number.
  [[nodiscard]] static auto make(const std::string& parent) -> std::expected<PrivateDirectory, int>;

  PrivateDirectory(PrivateDirectory&& other) noexcept = default;
  auto operator=(PrivateDirectory&& other) noexcept -> PrivateDirectory& = default;
  ~PrivateDirectory();

  [[nodiscard]] auto descriptor() const noexcept -> int { return directory_.get(); }
  // The parent directory.
  [[nodiscard]] auto parent() const noexcept -> int { return parent_.get(); }
  [[nodiscard]] auto name() const noexcept -> const std::string& { return name_; }

 private:
  PrivateDirectory(Descriptor parent, std::string name, Descriptor directory) noexcept
      : parent_{std::move(parent)}, name_{std::move(name)}, directory_{std::move(directory)} {}

  Descriptor parent_;
  std::string name_;
  Descriptor directory_;  // locked
};

}  // namespace hermitage::vmm
