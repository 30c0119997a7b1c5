// A directory of the host's for what one guest makes.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "hermitage/vmm/descriptor.hpp"

namespace hermitage::vmm {

// Whether a directory of that name may be the private directory of some monitor: compared without regard to case, as
// some file systems look names up. No guest reaches such a name through a mapping.
[[nodiscard]] auto is_private_name(std::string_view name) noexcept -> bool;

// `hermitage-` and sixteen hexadecimal digits, of mode 0700, which holds files and no directories. It goes away with
// all that is in it, with this object. While that is there, it has a lock (flock(2)) on the directory; one that is the
// same user's, and that nobody has a lock on, has been left behind by a process that was killed, and is removed when
// the next one is made beside it.
class PrivateDirectory {
 public:
  // Fails with the system's error number.
  [[nodiscard]] static auto make(const std::string& parent) -> std::expected<PrivateDirectory, int>;

  PrivateDirectory(PrivateDirectory&& other) noexcept = default;
  auto operator=(PrivateDirectory&& other) noexcept -> PrivateDirectory& = default;
  ~PrivateDirectory();

  [[nodiscard]] auto descriptor() const noexcept -> int { return directory_.get(); }
  // The directory that it is in.
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
