// Turns a container image into a packed Hermit image.
#pragma once

#include <expected>
#include <string>

#include "hermitage/image/image.hpp"
#include "hermitage/image/problem.hpp"
#include "hermitage/image/tar_writer.hpp"
#include "hermitage/oci/image/architecture.hpp"
#include "hermitage/oci/image/container_files.hpp"

namespace hermitage::oci {

struct ConvertOptions {
  // For all layers together, and for the image that results.
  image::Limits limits = {};
  image::Progress progress = {};
  std::string architecture{host_architecture()};  // chosen if there are several, as in Go
};

// Writes a packed image with the files of all layers, and with the kernel, the arguments and the variables of the
// container's configuration (Entrypoint, Cmd, Env). The first word is the kernel, found by PATH and WorkingDir; the
// others are arguments as after `hermitage run IMAGE`. Memory and vCPUs are those of hermit.toml, if it has the same
// kernel. Without Entrypoint and Cmd, hermit.toml is the configuration.
//
// A single gzipped layer that already is that image is copied. Layers follow the same rules as packed images,
// in which there are no devices, and no links that may lead out of the image. Every digest is verified before anything
// is written. Fails with cannot_pack if the sink returns false.
[[nodiscard]] auto to_packed_image(const ContainerFiles& files, const ConvertOptions& options, const image::Sink& sink)
    -> std::expected<void, image::Problem>;

}  // namespace hermitage::oci
