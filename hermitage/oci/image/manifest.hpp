// The parts of a container image: its configuration and its layers.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/image/problem.hpp"
#include "hermitage/oci/image/container_files.hpp"
#include "hermitage/oci/image/digest.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {

struct Layer {
  std::string file;                        // its name in the ContainerFiles
  std::optional<Digest> digest = {};       // of the file; nothing in a docker archive
  std::optional<std::uint64_t> size = {};  // of the file, in bytes; likewise
  Digest diff_id = {};                     // of the unpacked layer
};

struct Manifest {
  Json config;                // https://github.com/opencontainers/image-spec/blob/v1.1.0/config.md
  std::vector<Layer> layers;  // the lowest first; at most kMaxLayers
};

inline constexpr std::size_t kMaxLayers = 1000;
inline constexpr std::size_t kMaxDocument = std::size_t{4} << 20;  // bytes of a manifest, an index or a configuration

// Finds the only image, or that for an architecture (a name of Go). Everything but index.json, or a docker archive's
// manifest.json, is checked against its digest; the layers are only named.
[[nodiscard]] auto read_manifest(const ContainerFiles& files, std::string_view architecture)
    -> std::expected<Manifest, image::Problem>;

}  // namespace hermitage::oci
