// The files of a container image as engines store it: an OCI layout (a directory), or an archive of one, or what
// `docker save` writes. Names and contents are untrusted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hermitage/image/problem.hpp"
#include "hermitage/image/source.hpp"

namespace hermitage::oci {

class ContainerFiles {
 public:
  enum class Kind : std::uint8_t {
    oci,     // https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
    docker,  // manifest.json, as of Docker 1.10
  };

  // Opens a directory with the file "oci-layout", or a tar archive with that file or with "manifest.json". Nothing for
  // everything else, also for what cannot be opened. A problem is that of a damaged archive.
  [[nodiscard]] static auto open(const std::string& path)
      -> std::expected<std::optional<ContainerFiles>, image::Problem>;
  // An archive in memory.
  [[nodiscard]] static auto open(std::vector<std::byte> archive)
      -> std::expected<std::optional<ContainerFiles>, image::Problem>;

  ContainerFiles(ContainerFiles&&) noexcept;
  auto operator=(ContainerFiles&&) noexcept -> ContainerFiles&;
  ~ContainerFiles();

  [[nodiscard]] auto kind() const -> Kind { return kind_; }

  // A regular file. In a directory, a link may not lead out of it; in an archive, one link is followed. The source is
  // valid as long as this object.
  [[nodiscard]] auto source(const std::string& name) const
      -> std::expected<std::unique_ptr<image::Source>, image::Problem>;

  // The contents of a file of at most `most` bytes.
  [[nodiscard]] auto read(const std::string& name, std::size_t most) const
      -> std::expected<std::string, image::Problem>;

 private:
  class Storage;
  class Directory;
  class Archive;

  ContainerFiles(Kind kind, std::unique_ptr<Storage> storage);

  [[nodiscard]] static auto of_archive(std::unique_ptr<Archive> archive)
      -> std::expected<std::optional<ContainerFiles>, image::Problem>;

  Kind kind_;
  std::unique_ptr<Storage> storage_;
};

}  // namespace hermitage::oci
