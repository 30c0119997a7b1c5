#include "hermitage/oci/image/manifest.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "hermitage/image/path.hpp"

namespace hermitage::oci {
namespace {

using image::Problem;
using image::ProblemCode;

constexpr int kMaxDepthOfIndexes = 4;
constexpr std::size_t kMaxNamed = 8;  // images that a message names

auto fail(ProblemCode code, const std::string& file, std::string text) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = code, .file = file, .text = std::move(text)}};
}

auto damaged(const std::string& file, std::string text) -> std::unexpected<Problem> {
  return fail(ProblemCode::damaged_container, file, std::move(text));
}

auto read_json(const ContainerFiles& files, const std::string& name) -> std::expected<Json, Problem> {
  const auto text = files.read(name, kMaxDocument);
  if (!text) return std::unexpected{text.error()};
  auto json = parse_json(*text);
  if (!json) return damaged(name, "is not JSON in UTF-8, or nested too deeply");
  return *std::move(json);
}

// A reference to a blob of a layout.
struct Descriptor {
  Digest digest;
  std::uint64_t size = 0;
  std::string media_type = {};
  std::string architecture = {};  // empty: not stated
  std::string name = {};          // empty: none

  [[nodiscard]] auto file() const -> std::string { return "blobs/sha256/" + digest.hex(); }
};

auto read_descriptor(const Json* json, const std::string& file) -> std::expected<Descriptor, Problem> {
  if (json == nullptr) return damaged(file, "lacks a descriptor");
  const auto text = string_of(member(*json, "digest"));
  const auto digest = Digest::parse(text);
  if (!digest) return damaged(file, "has the digest '" + text + "', which is not one of SHA-256");
  const auto size = integer_of(member(*json, "size"));
  if (!size || *size < 0) return damaged(file, "has a descriptor without a size");
  Descriptor descriptor{.digest = *digest, .size = static_cast<std::uint64_t>(*size)};
  descriptor.media_type = string_of(member(*json, "mediaType"));
  descriptor.architecture = string_of(member(*json, {"platform", "architecture"}));
  descriptor.name = string_of(member(*json, {"annotations", "org.opencontainers.image.ref.name"}));
  return descriptor;
}

// Reads a document and checks it against its descriptor.
auto read_checked(const ContainerFiles& files, const Descriptor& descriptor) -> std::expected<Json, Problem> {
  const auto name = descriptor.file();
  const auto text = files.read(name, kMaxDocument);
  if (!text) return std::unexpected{text.error()};
  if (text->size() != descriptor.size || sha256(*text) != descriptor.digest) {
    return fail(ProblemCode::wrong_digest, name, "does not have this digest, or has another size than stated");
  }
  auto json = parse_json(*text);
  if (!json) return damaged(name, "is not JSON in UTF-8, or nested too deeply");
  return *std::move(json);
}

auto is_index(const Json& document) -> bool {
  return member(document, "manifests") != nullptr;
}

// Signatures and attestations have an architecture that does not exist.
auto is_image(const Descriptor& descriptor) -> bool {
  return descriptor.architecture != "unknown";
}

auto names_of(const std::vector<Descriptor>& descriptors) -> std::string {
  std::string names;
  for (const auto& descriptor : std::span{descriptors}.first(std::min(descriptors.size(), kMaxNamed))) {
    if (!names.empty()) names += ", ";
    names += descriptor.name.empty() ? descriptor.digest.text() : descriptor.name;
    if (!descriptor.architecture.empty()) names.append(" (").append(descriptor.architecture).append(")");
  }
  return descriptors.size() > kMaxNamed ? names + ", …" : names;
}

// The descriptor of an index that is meant: the only one, or that for the architecture.
auto choose(std::vector<Descriptor> found, std::string_view architecture, const std::string& file)
    -> std::expected<Descriptor, Problem> {
  std::erase_if(found, [](const Descriptor& descriptor) { return !is_image(descriptor); });
  std::ranges::stable_sort(found, {}, &Descriptor::digest);
  const auto repeated = std::ranges::unique(found, {}, &Descriptor::digest);
  found.erase(repeated.begin(), repeated.end());
  if (found.empty()) return damaged(file, "contains no container image");
  if (found.size() == 1) return found.front();
  auto fitting = found;
  std::erase_if(fitting, [&](const Descriptor& descriptor) { return descriptor.architecture != architecture; });
  if (fitting.size() == 1) return fitting.front();
  const auto& several = fitting.empty() ? found : fitting;
  return fail(ProblemCode::several_images, {},
              (fitting.empty() ? "has images for other architectures than this one: " : "has several images: ") +
                  names_of(several) + "; copy one of them with skopeo copy");
}

auto descriptors_of(const Json& index, const std::string& file) -> std::expected<std::vector<Descriptor>, Problem> {
  std::vector<Descriptor> descriptors;
  for (const auto* const element : elements_of(member(index, "manifests"))) {
    auto descriptor = read_descriptor(element, file);
    if (!descriptor) return std::unexpected{std::move(descriptor.error())};
    descriptors.push_back(*std::move(descriptor));
  }
  return descriptors;
}

// The digests of the unpacked layers.
auto diff_ids_of(const Json& config, const std::string& file) -> std::expected<std::vector<Digest>, Problem> {
  const auto* const ids = member(config, {"rootfs", "diff_ids"});
  if (ids == nullptr || !ids->is_array()) return damaged(file, "is not the configuration of a container image");
  std::vector<Digest> digests;
  for (const auto& id : *ids) {
    const auto digest = Digest::parse(string_of(&id));
    if (!digest) return damaged(file, "has a diff_id that is not a digest of SHA-256");
    digests.push_back(*digest);
  }
  if (digests.size() > kMaxLayers) {
    return damaged(file, "has more than " + std::to_string(kMaxLayers) + " layers, the limit");
  }
  return digests;
}

auto with_layers(Json config, std::vector<Layer> layers, const std::string& file) -> std::expected<Manifest, Problem> {
  const auto diff_ids = diff_ids_of(config, file);
  if (!diff_ids) return std::unexpected{diff_ids.error()};
  if (diff_ids->size() != layers.size()) return damaged(file, "has another number of layers than the manifest");
  for (std::size_t i = 0; i < layers.size(); ++i) layers[i].diff_id = (*diff_ids)[i];
  return Manifest{.config = Json(std::move(config)), .layers = std::move(layers)};
}

auto read_oci(const ContainerFiles& files, std::string_view architecture) -> std::expected<Manifest, Problem> {
  std::string file = "index.json";
  auto document = read_json(files, file);
  for (int depth = 0; document && is_index(*document); ++depth) {
    if (depth == kMaxDepthOfIndexes) return damaged(file, "is an index in too many others");
    auto descriptors = descriptors_of(*document, file);
    if (!descriptors) return std::unexpected{std::move(descriptors.error())};
    const auto chosen = choose(*std::move(descriptors), architecture, file);
    if (!chosen) return std::unexpected{chosen.error()};
    file = chosen->file();
    document = read_checked(files, *chosen);
  }
  if (!document) return std::unexpected{std::move(document.error())};
  const auto config = read_descriptor(member(*document, "config"), file);
  if (!config) return std::unexpected{config.error()};
  std::vector<Layer> layers;
  for (const auto* const element : elements_of(member(*document, "layers"))) {
    const auto layer = read_descriptor(element, file);
    if (!layer) return std::unexpected{layer.error()};
    layers.push_back({.file = layer->file(), .digest = layer->digest, .size = layer->size});
  }
  auto json = read_checked(files, *config);
  if (!json) return std::unexpected{std::move(json.error())};
  return with_layers(*std::move(json), std::move(layers), config->file());
}

// The digest in the name of a file: HEX, or HEX.json.
auto digest_in_name(std::string_view name) -> std::optional<Digest> {
  const auto slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  return Digest::parse(std::string{"sha256:"}.append(name.substr(0, name.find('.'))));
}

auto read_docker(const ContainerFiles& files) -> std::expected<Manifest, Problem> {
  const std::string file = "manifest.json";
  const auto document = read_json(files, file);
  if (!document) return std::unexpected{document.error()};
  const auto images = elements_of(&*document);
  if (images.empty()) return damaged(file, "contains no container image");
  if (images.size() > 1) {
    std::string names;
    for (const auto* const found : std::span{images}.first(std::min(images.size(), kMaxNamed))) {
      const auto tags = strings_of(member(*found, "RepoTags"));
      names.append(names.empty() ? "" : ", ").append(tags.empty() ? "without a name" : tags.front());
    }
    return fail(ProblemCode::several_images, {}, "has several images: " + names + "; save one of them");
  }
  const auto config_name = string_of(member(*images.front(), "Config"));
  const auto config = files.read(config_name, kMaxDocument);
  if (!config) return std::unexpected{config.error()};
  const auto digest = digest_in_name(config_name);
  if (digest && sha256(*config) != *digest) {
    return fail(ProblemCode::wrong_digest, config_name, "does not have the digest of its name");
  }
  auto json = parse_json(*config);
  if (!json) return damaged(config_name, "is not JSON in UTF-8, or nested too deeply");
  std::vector<Layer> layers;
  for (auto& name : strings_of(member(*images.front(), "Layers"))) layers.push_back({.file = std::move(name)});
  return with_layers(*std::move(json), std::move(layers), config_name);
}

}  // namespace

auto read_manifest(const ContainerFiles& files, std::string_view architecture) -> std::expected<Manifest, Problem> {
  return files.kind() == ContainerFiles::Kind::oci ? read_oci(files, architecture) : read_docker(files);
}

}  // namespace hermitage::oci
