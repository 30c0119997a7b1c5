// A file that is mapped from the host's page cache. A file of a few pages is read instead, which is faster than mapping
// it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/error.hpp"

namespace hermitage::vmm {

// The whole file, read-only. A file that users other than its owner can write to is read, not mapped: later writes must
// not change checked content. The owner must not write to a mapped file while it is in use, or while a guest runs that
// has parts of it in its memory. Such a write would be visible, and an access after the end of a truncated file causes
// SIGBUS.
class MappedFile {
 public:
  // Fails with host_failed if the file does not exist or cannot be mapped (such as a directory or a pipe). The message
  // starts with the path, and names the system call that failed.
  [[nodiscard]] static auto open(const std::string& path) -> Result<MappedFile>;
  // The same for an open file, which has no path.
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

  [[nodiscard]] auto bytes() const noexcept HERMITAGE_LIFETIMEBOUND -> std::span<const std::byte> { return bytes_; }

  // Reads the same content into memory.
  [[nodiscard]] auto read() && -> Result<MappedFile>;

  // Returns -1 if the file was read: mapping it again has no advantage.
  [[nodiscard]] auto descriptor() const noexcept -> int { return is_mapped() ? descriptor_.get() : -1; }
  // Returns the open file, for map().
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
