// The root file system of a container, before the container runs. Its files are untrusted, and can change at any time.
#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <utility>

#include "hermitage/base/descriptor.hpp"

namespace hermitage::oci {

class RootFileSystem {
 public:
  // The error is a sentence.
  [[nodiscard]] static auto open(const std::string& path) -> std::expected<RootFileSystem, std::string>;

  // The first bytes of a regular file, at most `most`. `path` is one of the container: links, also absolute ones, and
  // ".." do not lead out of the root file system, even if another process exchanges directories for links at the same
  // time. Nothing if there is no such file, or it is not a regular one. Never opens pipes and devices.
  [[nodiscard]] auto read(const std::string& path, std::size_t most) const -> std::optional<std::string>;

 private:
  explicit RootFileSystem(base::Descriptor directory) noexcept : directory_{std::move(directory)} {}

  base::Descriptor directory_;
};

}  // namespace hermitage::oci
