// Container images to test with, with right digests.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/oci/image/digest.hpp"
#include "hermitage/oci/image/json.hpp"
#include "testing/archives.hpp"

namespace hermitage::oci {

using TarEntries = std::vector<hermitage::testing::TarEntry>;
using Bytes = std::vector<std::byte>;

struct TestLayer {
  Bytes unpacked;  // a tar archive
  Bytes packed;    // in any way
};

inline auto text_of_bytes(std::span<const std::byte> bytes) -> std::string {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline auto plain_layer(const TarEntries& entries) -> TestLayer {
  const auto bytes = hermitage::testing::tar(entries);
  return {.unpacked = bytes, .packed = bytes};
}

inline auto gzip_layer(const TarEntries& entries) -> TestLayer {
  const auto bytes = hermitage::testing::tar(entries);
  return {.unpacked = bytes, .packed = hermitage::testing::gzip(bytes)};
}

// The files of an OCI layout, which can be changed before they are packed.
class TestLayout {
 public:
  // `run` is the member "config" of the configuration.
  explicit TestLayout(const std::vector<TestLayer>& layers, const Json& run = {{"Entrypoint", {"/kernel"}}}) {
    add_file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    add_image(layers, run, {});
    write_index();
  }

  // Another image in the index.
  void add_image(const std::vector<TestLayer>& layers, const Json& run, const std::string& architecture) {
    auto ids = Json::array();
    auto blobs = Json::array();
    for (const auto& layer : layers) {
      ids.push_back(sha256(layer.unpacked).text());
      blobs.push_back(add_blob(text_of_bytes(layer.packed), "application/vnd.oci.image.layer.v1.tar+gzip"));
    }
    const Json config{{"architecture", "amd64"},
                      {"os", "linux"},
                      {"config", run},
                      {"rootfs", {{"type", "layers"}, {"diff_ids", ids}}}};
    const Json manifest{{"schemaVersion", 2},
                        {"config", add_blob(to_text(config), "application/vnd.oci.image.config.v1+json")},
                        {"layers", blobs}};
    auto descriptor = add_blob(to_text(manifest), "application/vnd.oci.image.manifest.v1+json");
    if (!architecture.empty()) descriptor["platform"] = {{"architecture", architecture}, {"os", "linux"}};
    manifests.push_back(descriptor);
  }

  void write_index() { set_file("index.json", to_text({{"schemaVersion", 2}, {"manifests", manifests}})); }

  auto add_blob(const std::string& text, std::string_view media_type) -> Json {
    const auto digest = sha256(text);
    add_file("blobs/sha256/" + digest.hex(), text);
    return {{"mediaType", media_type}, {"digest", digest.text()}, {"size", text.size()}};
  }

  void add_file(const std::string& name, const std::string& text) { files.push_back({.name = name, .contents = text}); }

  void set_file(const std::string& name, const std::string& text) {
    std::erase_if(files, [&](const auto& file) { return file.name == name; });
    add_file(name, text);
  }

  [[nodiscard]] auto archive() const -> Bytes { return hermitage::testing::tar(files); }

  TarEntries files;
  Json manifests = Json::array();
};

// What `docker save` writes.
inline auto docker_archive(const std::vector<TestLayer>& layers, const Json& run) -> TarEntries {
  TarEntries files;
  auto ids = Json::array();
  auto names = Json::array();
  for (const auto& layer : layers) {
    ids.push_back(sha256(layer.unpacked).text());
    names.push_back(sha256(layer.unpacked).hex() + ".tar");
    files.push_back({.name = names.back(), .contents = text_of_bytes(layer.packed)});
  }
  const auto config = to_text({{"config", run}, {"rootfs", {{"type", "layers"}, {"diff_ids", ids}}}});
  const auto name = sha256(config).hex() + ".json";
  files.push_back({.name = name, .contents = config});
  files.push_back({.name = "manifest.json",
                   .contents = to_text(
                       Json::array({Json{{"Config", name}, {"RepoTags", {"localhost/app:1"}}, {"Layers", names}}}))});
  return files;
}

}  // namespace hermitage::oci
