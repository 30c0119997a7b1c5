// A file that is looked at where the host's page cache has it. One of a few pages is read instead, which takes less
// time than mapping it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// Read only, and whole. A file that others than its owner may write to is read, not mapped: what they write later must
// not change what has been checked. The owner may not write to a mapped file while it is in use, or while a guest runs
// that has parts of it in its memory: a write shows, and an access behind the end of a file that got shorter is SIGBUS.
class MappedFile {
 public:
  // Fails with host_failed when there is no such file, or it is none that can be mapped: a directory, or a pipe. The
  // message begins with the path, and names the system call that failed.
  [[nodiscard]] static auto open(const std::string& path) -> Result<MappedFile>;
  // The same of a file that is open, which has no path.
  [[nodiscard]] static auto map(Descriptor descriptor) -> Result<MappedFile>;

  MappedFile(MappedFile&& other) noexcept
      : descriptor_{std::move(other.descriptor_)},
        bytes_{std::exchange(other.bytes_, {})},
        copy_{std::move(other.copy_)} {}
  auto operator=(MappedFile&& other) noexcept -> MappedFile& {
    std::swap(descriptor_, other.descriptor_);
    std::swap(bytes_, other.bytes_);
    std::swap(copy_, other.copy_);
    return *this;
  }
  ~MappedFile();

  [[nodiscard]] auto bytes() const noexcept -> std::span<const std::byte> { return bytes_; }

  // The same content, read into memory.
  [[nodiscard]] auto read() && -> Result<MappedFile>;

  // -1 when the file was read: there is nothing to be gained from mapping it again.
  [[nodiscard]] auto descriptor() const noexcept -> int { return is_mapped() ? descriptor_.get() : -1; }
  // Keeps it open only, for map().
  [[nodiscard]] auto release() && noexcept -> Descriptor { return std::move(descriptor_); }

 private:
  MappedFile(Descriptor descriptor, std::span<std::byte> mapping) noexcept
      : descriptor_{std::move(descriptor)}, bytes_{mapping} {}
  MappedFile(Descriptor descriptor, std::vector<std::byte> copy) noexcept
      : descriptor_{std::move(descriptor)}, bytes_{copy}, copy_{std::move(copy)} {}
  [[nodiscard]] auto is_mapped() const noexcept -> bool { return bytes_.data() != copy_.data(); }

  Descriptor descriptor_;
  std::span<std::byte> bytes_;
  std::vector<std::byte> copy_;
};

}  // namespace hermitage::vmm
