// Writes packed Hermit images as an OCI image: a layout, or an archive of one.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>
#include <vector>

#include "hermitage/image/image.hpp"
#include "hermitage/image/problem.hpp"
#include "hermitage/image/tar_writer.hpp"

namespace hermitage::oci {

struct LayoutFile {
  std::string name;                         // relative to the layout
  std::uint64_t size = 0;                   // bytes
  std::string text = {};                    // its contents, or else
  std::filesystem::path packed_image = {};  // the file that has them
};

struct Layout {
  std::vector<LayoutFile> files;  // sorted by name; depends only on the packed images and the reference
};

struct LayoutRequest {
  std::vector<std::filesystem::path> packed_images;  // one for each architecture
  std::string reference = {};                        // from full_reference(); empty: the image has no name
  image::Limits limits = {};
};

// Makes the documents of an image whose single layer is the packed image, byte for byte; with several packed images,
// an index of one image for each architecture. Kernel and kernel arguments are the Entrypoint, the application's
// arguments the Cmd; labels and annotations have the kernel, the memory and the vCPUs. Every time is 1970-01-01.
//
// Fails like Image::open; with unloadable_kernel if the architecture of a kernel cannot be told; with entry_name for a
// file whose name would be a whiteout in a layer; and with several_images for two kernels of one architecture.
[[nodiscard]] auto make_layout(const LayoutRequest& request) -> std::expected<Layout, image::Problem>;

// Writes a tar archive. Fails with cannot_pack if the sink returns false, or if a packed image has changed.
[[nodiscard]] auto write_archive(const Layout& layout, const image::Sink& sink) -> std::expected<void, image::Problem>;

// Writes a directory, which is new or empty. It is complete, or not there. Fails with cannot_pack.
[[nodiscard]] auto write_directory(const Layout& layout, const std::filesystem::path& directory)
    -> std::expected<void, image::Problem>;

}  // namespace hermitage::oci
