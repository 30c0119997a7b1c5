// The root file system of a container. Its files are untrusted, and can change at any time.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "hermitage/base/descriptor.hpp"

namespace hermitage::oci {

// A file that this process has created.
class NewFile {
 public:
  NewFile(base::Descriptor directory, std::string name, base::Descriptor contents) noexcept
      : directory_{std::move(directory)}, name_{std::move(name)}, contents_{std::move(contents)} {}

  // Empty, and open for reading and writing.
  [[nodiscard]] auto contents() const noexcept -> const base::Descriptor& { return contents_; }
  // Removes the file, if it still has its name.
  void remove() const;

 private:
  base::Descriptor directory_;
  std::string name_;
  base::Descriptor contents_;
};

class RootFileSystem {
 public:
  // The error is a sentence.
  [[nodiscard]] static auto open(const std::string& path) -> std::expected<RootFileSystem, std::string>;

  // The first bytes of a regular file, at most `most`. `path` is one of the container: links, also absolute ones, and
  // ".." do not lead out of the root file system, even if another process exchanges directories for links at the same
  // time. Nothing if there is no such file, or it is not a regular one. Never opens pipes and devices.
  [[nodiscard]] auto read(const std::string& path, std::size_t most) const -> std::optional<std::string>;

  // A descriptor of any file, opened with O_PATH. Paths are resolved as for read().
  [[nodiscard]] auto find(const std::string& path) const -> std::optional<base::Descriptor>;

  // Creates a file with mode 0600, which must not exist. Its directory is resolved as for read(). The error is a
  // sentence.
  [[nodiscard]] auto create(const std::string& path) const -> std::expected<NewFile, std::string>;

 private:
  explicit RootFileSystem(base::Descriptor directory) noexcept : directory_{std::move(directory)} {}

  base::Descriptor directory_;
};

}  // namespace hermitage::oci
