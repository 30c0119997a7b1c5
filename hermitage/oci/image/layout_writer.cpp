#include "hermitage/oci/image/layout_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp
#include <sys/stat.h>
#include <unistd.h>

#include "hermitage/base/descriptor.hpp"
#include "hermitage/base/file_io.hpp"
#include "hermitage/entry/kernel_object.hpp"
#include "hermitage/image/gunzip.hpp"
#include "hermitage/image/path.hpp"
#include "hermitage/image/source.hpp"
#include "hermitage/oci/image/architecture.hpp"
#include "hermitage/oci/image/digest.hpp"
#include "hermitage/oci/image/hashed_source.hpp"
#include "hermitage/oci/image/json.hpp"

namespace hermitage::oci {
namespace {

namespace fs = std::filesystem;

using image::Problem;
using image::ProblemCode;

constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr std::string_view kEpoch = "1970-01-01T00:00:00Z";

auto fail(ProblemCode code, const std::string& file, std::string text) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = code, .file = file, .text = std::move(text)}};
}

auto cannot_write(const fs::path& file, std::string_view call) -> std::unexpected<Problem> {
  return fail(ProblemCode::cannot_pack, file.string(), std::string{call}.append(": ").append(std::strerror(errno)));
}

struct Blob {
  Digest digest;
  std::uint64_t size = 0;

  [[nodiscard]] auto descriptor(std::string_view media_type) const -> Json {
    return {{"mediaType", media_type}, {"digest", digest.text()}, {"size", size}};
  }
  [[nodiscard]] auto name() const -> std::string { return "blobs/sha256/" + digest.hex(); }
};

struct LayerDigests {
  Blob packed;
  Digest diff_id;
};

auto digests_of(const fs::path& file, std::uint64_t limit) -> std::expected<LayerDigests, Problem> {
  const auto source = image::FileSource::open(file);
  if (!source) return std::unexpected{source.error()};
  HashedSource hashed{**source};
  image::Gunzip gunzip{hashed, limit};
  Sha256 unpacked;
  for (;;) {
    const auto piece = gunzip.next();
    if (!piece) return std::unexpected{piece.error()};
    if (piece->empty()) break;
    unpacked.add(*piece);
  }
  const auto size = hashed.size();
  return LayerDigests{.packed = {.digest = hashed.finish(), .size = size}, .diff_id = unpacked.finish()};
}

// The annotations of a manifest, which are the labels of its configuration, too.
auto facts_of(const image::Config& config) -> Json {
  Json facts{{"org.hermitage.image.kernel", config.kernel}};
  if (config.memory) facts["org.hermitage.image.memory"] = std::to_string(*config.memory);
  if (config.cpus != 0) facts["org.hermitage.image.cpus"] = std::to_string(config.cpus);
  return facts;
}

// The words of `hermitage run IMAGE` that mean the same.
auto entrypoint_of(const image::Config& config) -> std::vector<std::string> {
  std::vector<std::string> words{"/" + image::normalize_path(config.kernel).value_or("")};
  const bool is_ambiguous = !config.app_args.empty() && config.app_args.front() == "--";
  if (config.kernel_args.empty() && !is_ambiguous) return words;
  words.emplace_back("--");
  words.insert(words.end(), config.kernel_args.begin(), config.kernel_args.end());
  words.emplace_back("--");
  return words;
}

auto config_document(const image::Config& config, std::string_view architecture, const Digest& diff_id) -> Json {
  Json run{{"Env", config.env_vars}, {"Entrypoint", entrypoint_of(config)}};
  if (!config.app_args.empty()) run["Cmd"] = config.app_args;
  run["Labels"] = facts_of(config);
  return {{"created", kEpoch},
          {"architecture", architecture},
          {"os", "linux"},
          {"config", std::move(run)},
          {"rootfs", {{"type", "layers"}, {"diff_ids", Json::array({diff_id.text()})}}},
          {"history", Json::array({Json{{"created", kEpoch}, {"created_by", "hermitage image create"}}})}};
}

// A layer would not have the file, but hide another one.
auto check_names(const image::Image& packed) -> std::expected<void, Problem> {
  for (const auto& file : packed.files()) {
    const auto directory = image::parent_path(file.path);
    const auto name = std::string_view{file.path}.substr(directory.empty() ? 0 : directory.size() + 1);
    if (!name.starts_with(".wh.")) continue;
    return fail(ProblemCode::entry_name, file.path, "cannot be in a container image, in which '.wh.' hides files");
  }
  return {};
}

class Maker {
 public:
  explicit Maker(const LayoutRequest& request) : request_{request} {}

  auto make() -> std::expected<Layout, Problem> {
    auto manifests = Json::array();
    std::set<std::string_view> architectures;
    for (const auto& file : request_.packed_images) {
      auto added = add_image(file);
      if (!added) return std::unexpected{std::move(added.error())};
      if (!architectures.insert(added->architecture).second) {
        return fail(ProblemCode::several_images, file.string(),
                    "has a kernel for " + std::string{added->architecture} + ", as another packed image has");
      }
      manifests.push_back(std::move(added->descriptor));
    }
    const bool is_single = manifests.size() == 1;
    auto top = is_single ? std::move(manifests.front()) : add_document(index_of(std::move(manifests)), kIndexType);
    if (!request_.reference.empty()) {
      top["annotations"] = {{"io.containerd.image.name", request_.reference},
                            {"org.opencontainers.image.ref.name", request_.reference}};
    }
    add_text("index.json", to_text(index_of(Json::array({std::move(top)}))));
    add_text("oci-layout", to_text({{"imageLayoutVersion", "1.0.0"}}));
    Layout layout;
    for (auto& [name, file] : files_) layout.files.push_back(std::move(file));
    return layout;
  }

 private:
  struct Added {
    std::string_view architecture;
    Json descriptor;  // of its manifest
  };

  static auto index_of(Json manifests) -> Json {
    return {{"schemaVersion", 2}, {"mediaType", kIndexType}, {"manifests", std::move(manifests)}};
  }

  auto add_image(const fs::path& file) -> std::expected<Added, Problem> {
    const auto packed =
        image::Image::open(file, {.limits = request_.limits, .contents = image::Contents::kernel, .progress = {}});
    if (!packed) return std::unexpected{packed.error()};
    if (auto checked = check_names(*packed); !checked) return std::unexpected{std::move(checked.error())};
    const auto kernel = entry::KernelObject::parse(packed->kernel());
    if (!kernel) {
      return fail(ProblemCode::unloadable_kernel, packed->config().kernel,
                  "cannot be loaded: " + std::string{kernel.error().message().view()});
    }
    const auto architecture = architecture_name(kernel->arch());
    auto digests = digests_of(file, request_.limits.unpacked_size);
    if (!digests) return std::unexpected{std::move(digests.error())};
    const auto name = digests->packed.name();
    files_.insert_or_assign(name, LayoutFile{.name = name, .size = digests->packed.size, .packed_image = file});
    auto config = add_document(config_document(packed->config(), architecture, digests->diff_id), kConfigType);
    const Json manifest{{"schemaVersion", 2},
                        {"mediaType", kManifestType},
                        {"config", std::move(config)},
                        {"layers", Json::array({digests->packed.descriptor(kLayerType)})},
                        {"annotations", facts_of(packed->config())}};
    auto descriptor = add_document(manifest, kManifestType);
    descriptor["platform"] = {{"architecture", architecture}, {"os", "linux"}};
    return Added{.architecture = architecture, .descriptor = std::move(descriptor)};
  }

  // Adds a blob, and returns its descriptor.
  auto add_document(const Json& document, std::string_view media_type) -> Json {
    auto text = to_text(document);
    const Blob blob{.digest = sha256(text), .size = text.size()};
    add_text(blob.name(), std::move(text));
    return blob.descriptor(media_type);
  }

  void add_text(const std::string& name, std::string text) {
    const auto size = text.size();
    files_.insert_or_assign(name, LayoutFile{.name = name, .size = size, .text = std::move(text)});
  }

  const LayoutRequest& request_;
  std::map<std::string, LayoutFile> files_;
};

// Passes on the bytes of a file.
auto write_contents(const LayoutFile& file, const image::Sink& sink) -> std::expected<void, Problem> {
  const auto unwritten = [&] { return fail(ProblemCode::cannot_pack, file.name, "cannot be written"); };
  if (file.packed_image.empty()) {
    if (sink(std::as_bytes(std::span{file.text}))) return {};
    return unwritten();
  }
  const auto source = image::FileSource::open(file.packed_image);
  if (!source) return fail(ProblemCode::cannot_pack, file.packed_image.string(), source.error().text);
  Sha256 sum;
  for (;;) {
    const auto piece = (*source)->next();
    if (!piece) return fail(ProblemCode::cannot_pack, file.packed_image.string(), piece.error().text);
    if (piece->empty()) break;
    sum.add(*piece);
    if (sum.size() > file.size) break;
    if (!sink(*piece)) return unwritten();
  }
  if (sum.size() == file.size && file.name.ends_with(sum.finish().hex())) return {};
  return fail(ProblemCode::cannot_pack, file.packed_image.string(), "changed while it was being read");
}

auto write_file(int directory, const LayoutFile& file) -> std::expected<void, Problem> {
  constexpr mode_t kMode = 0644;
  const base::Descriptor out{
      ::openat(directory, file.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode)};
  if (!out.is_open()) return cannot_write(file.name, "openat");
  int error = 0;
  auto written = write_contents(file, [&](std::span<const std::byte> bytes) {
    const auto result = base::write_all(out.get(), bytes);
    if (!result) error = result.error();
    return result.has_value();
  });
  if (written || error == 0) return written;
  errno = error;
  return cannot_write(file.name, "write");
}

auto write_files(const Layout& layout, const fs::path& directory) -> std::expected<void, Problem> {
  constexpr mode_t kMode = 0755;
  const base::Descriptor root{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!root.is_open()) return cannot_write(directory, "open");
  // mkdtemp makes it for the owner only.
  if (::fchmod(root.get(), kMode) != 0) return cannot_write(directory, "fchmod");
  for (const auto* const name : {"blobs", "blobs/sha256"}) {
    if (::mkdirat(root.get(), name, kMode) != 0) return cannot_write(directory / name, "mkdirat");
  }
  for (const auto& file : layout.files) {
    if (auto written = write_file(root.get(), file); !written) return written;
  }
  return {};
}

}  // namespace

auto make_layout(const LayoutRequest& request) -> std::expected<Layout, Problem> {
  return Maker{request}.make();
}

auto write_archive(const Layout& layout, const image::Sink& sink) -> std::expected<void, Problem> {
  constexpr std::uint32_t kDirectoryMode = 0755;
  constexpr std::uint32_t kFileMode = 0644;
  const auto unwritten = [] { return fail(ProblemCode::cannot_pack, {}, "the archive cannot be written"); };
  image::TarWriter writer{sink, image::Compression::none};
  for (const auto* const name : {"blobs", "blobs/sha256"}) {
    if (!writer.add({.path = name, .kind = image::FileKind::directory, .mode = kDirectoryMode})) return unwritten();
  }
  for (const auto& file : layout.files) {
    if (!writer.add({.path = file.name, .mode = kFileMode, .size = file.size})) return unwritten();
    auto written = write_contents(file, [&](std::span<const std::byte> bytes) { return writer.write(bytes); });
    if (!written) return written;
    if (!writer.pad()) return unwritten();
  }
  return writer.finish() ? std::expected<void, Problem>{} : unwritten();
}

auto write_directory(const Layout& layout, const fs::path& directory) -> std::expected<void, Problem> {
  auto part = directory;
  if (!part.has_filename()) part = part.parent_path();
  auto temporary = part.string() + ".part-XXXXXX";
  if (::mkdtemp(temporary.data()) == nullptr) return cannot_write(directory, "mkdtemp");
  auto written = write_files(layout, temporary);
  if (written && ::rename(temporary.c_str(), part.c_str()) == 0) return {};
  if (written) written = cannot_write(directory, "rename");
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  return written;
}

}  // namespace hermitage::oci
