#include "hermitage/oci/image/container_image.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/image/archive.hpp"
#include "hermitage/image/config.hpp"
#include "hermitage/image/gunzip.hpp"
#include "hermitage/image/path.hpp"
#include "hermitage/image/source.hpp"
#include "hermitage/image/tree.hpp"
#include "hermitage/image/unpacker.hpp"
#include "hermitage/oci/image/digest.hpp"
#include "hermitage/oci/image/hashed_source.hpp"
#include "hermitage/oci/image/manifest.hpp"
#include "hermitage/oci/image/unzstd.hpp"

namespace hermitage::oci {
namespace {

using image::Config;
using image::Problem;
using image::ProblemCode;
using Words = std::vector<std::string>;

auto fail(ProblemCode code, const std::string& file, std::string text) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = code, .file = file, .text = std::move(text)}};
}

auto wrong_digest(const std::string& file, const Digest& expected) -> std::unexpected<Problem> {
  return fail(ProblemCode::wrong_digest, file, "does not have the digest " + expected.text());
}

// Computes the digest of what passes through.
class HashedUnpacker final : public image::Unpacker {
 public:
  HashedUnpacker(std::unique_ptr<Unpacker> unpacker, Sha256& sum) : unpacker_{std::move(unpacker)}, sum_{sum} {}

  [[nodiscard]] auto next() -> std::expected<std::span<const std::byte>, Problem> override {
    auto piece = unpacker_->next();
    if (piece) sum_.add(*piece);
    return piece;
  }
  [[nodiscard]] auto done() const -> std::uint64_t override { return unpacker_->done(); }

 private:
  std::unique_ptr<Unpacker> unpacker_;
  Sha256& sum_;
};

// Media types are not asked: docker archives have none, and a digest is that of the bytes alone.
auto format_of(image::Source& source) -> std::expected<entry::Format, Problem> {
  const auto beginning = source.next();
  if (!beginning) return std::unexpected{beginning.error()};
  const auto format = entry::detect_format(*beginning);
  if (auto rewound = source.rewind(); !rewound) return std::unexpected{std::move(rewound.error())};
  return format;
}

auto make_unpacker(entry::Format format, image::Source& source, std::uint64_t limit)
    -> std::unique_ptr<image::Unpacker> {
  if (format == entry::Format::gzip) return std::make_unique<image::Gunzip>(source, limit);
  if (format == entry::Format::zstd) return std::make_unique<Unzstd>(source, limit);
  return std::make_unique<image::PlainUnpacker>(source, limit);
}

// The files of all layers.
class Merger {
 public:
  Merger(const ContainerFiles& files, const ConvertOptions& options)
      : files_{files}, options_{options}, tree_{options.limits} {}

  [[nodiscard]] auto merge(const std::vector<Layer>& layers) -> std::expected<void, Problem> {
    for (const auto& layer : layers) {
      if (auto read = read_layer(layer); !read) return read;
    }
    is_one_packed_layer_ = layers.size() == 1 && last_format_ == entry::Format::gzip && !has_whiteouts_;
    return {};
  }

  [[nodiscard]] auto tree() -> image::Tree& { return tree_; }
  // Whether the only layer is, without changes, an archive of these files.
  [[nodiscard]] auto is_one_packed_layer() const -> bool { return is_one_packed_layer_; }

 private:
  [[nodiscard]] auto read_layer(const Layer& layer) -> std::expected<void, Problem> {
    const auto source = files_.source(layer.file);
    if (!source) return std::unexpected{source.error()};
    if (layer.size && (*source)->total() != *layer.size) return wrong_digest(layer.file, *layer.digest);
    const auto format = format_of(**source);
    if (!format) return std::unexpected{format.error()};
    last_format_ = *format;
    HashedSource packed{**source};
    Sha256 unpacked;
    auto unpacker = make_unpacker(*format, packed, options_.limits.unpacked_size - unpacked_size_);
    auto read = read_entries(packed, std::make_unique<HashedUnpacker>(std::move(unpacker), unpacked));
    if (!read) {
      if (read.error().file.empty()) read.error().file = layer.file;
      return read;
    }
    unpacked_size_ += unpacked.size();
    if (layer.digest && packed.finish() != *layer.digest) return wrong_digest(layer.file, *layer.digest);
    if (unpacked.finish() != layer.diff_id) return wrong_digest(layer.file, layer.diff_id);
    return {};
  }

  [[nodiscard]] auto read_entries(image::Source& source, std::unique_ptr<image::Unpacker> unpacker)
      -> std::expected<void, Problem> {
    tree_.begin_layer();
    image::ArchiveReader reader{source, std::move(unpacker), options_.progress};
    std::vector<Problem> ignored;  // what a packed image would warn of: paths that occur twice
    for (;;) {
      const auto entry = reader.next();
      if (!entry) return std::unexpected{entry.error()};
      if (!*entry) return {};
      const auto node = tree_.add_of_layer(**entry, ignored);
      if (!node) return std::unexpected{node.error()};
      if (*node == nullptr && (*entry)->kind != image::EntryKind::directory) has_whiteouts_ = true;
      if (*node == nullptr || (*entry)->kind != image::EntryKind::regular) continue;
      if (auto contents = read_contents(reader, (*node)->file); !contents) return contents;
    }
  }

  const ContainerFiles& files_;
  const ConvertOptions& options_;
  image::Tree tree_;
  std::uint64_t unpacked_size_ = 0;
  entry::Format last_format_ = entry::Format::unknown;
  bool has_whiteouts_ = false;
  bool is_one_packed_layer_ = false;
};

auto has_nul(const Words& words) -> bool {
  return std::ranges::any_of(words, [](const std::string& word) { return word.find('\0') != std::string::npos; });
}

// The directories of the last PATH.
auto search_path(const Words& variables) -> Words {
  constexpr std::string_view kName = "PATH=";
  std::string path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const auto& variable : variables) {
    if (variable.starts_with(kName)) path = variable.substr(kName.size());
  }
  Words directories;
  for (std::size_t start = 0; start <= path.size();) {
    const auto end = std::min(path.find(':', start), path.size());
    directories.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return directories;
}

auto is_file(image::Tree& tree, const std::string& path) -> bool {
  const auto* const node = tree.resolve(path);
  return node != nullptr && node->file.kind == image::FileKind::regular;
}

// The path of a program in the image.
auto find_program(image::Tree& tree, const std::string& name, const std::string& working_directory,
                  const Words& variables) -> std::expected<std::string, Problem> {
  const auto below = [](const std::string& directory, const std::string& path) {
    return path.starts_with('/') ? path : directory + "/" + path;
  };
  Words candidates{below(working_directory, name)};
  if (name.find('/') == std::string::npos) {
    candidates.clear();
    for (const auto& directory : search_path(variables)) {
      candidates.push_back(below(below(working_directory, directory), name));
    }
  }
  const auto found = std::ranges::find_if(candidates, [&](const auto& path) { return is_file(tree, path); });
  if (found != candidates.end()) return "/" + image::normalize_path(*found).value_or("");
  return fail(ProblemCode::no_kernel, {},
              "has no file '" + name + "', which is the program of the container image's configuration");
}

// Splits arguments as `hermitage run IMAGE` does: those between two "--" are the kernel's.
void split_arguments(Words words, Config& config) {
  if (words.empty() || words.front() != "--") {
    config.app_args = std::move(words);
    return;
  }
  words.erase(words.begin());
  const auto dashes = std::ranges::find(words, "--");
  if (dashes == words.end()) {
    config.app_args = std::move(words);
    return;
  }
  config.kernel_args.assign(words.begin(), dashes);
  config.app_args.assign(dashes + 1, words.end());
}

// The configuration of hermit.toml in the image; nothing if the image does not contain that file.
auto own_config(image::Tree& tree) -> std::expected<std::optional<Config>, Problem> {
  const auto* const node = tree.resolve(image::kConfigPath);
  if (node == nullptr || node->file.kind != image::FileKind::regular) return std::nullopt;
  if (node->file.size > image::kMaxConfigSize) {
    return fail(ProblemCode::config_size, std::string{image::kConfigPath}, "is larger than the limit");
  }
  std::vector<Problem> ignored;
  auto config = image::parse_config(entry::text_of(node->file.bytes()), ignored);
  if (!config) return std::unexpected{std::move(config.error())};
  return *std::move(config);
}

auto is_same_file(image::Tree& tree, const std::string& a, const std::string& b) -> bool {
  const auto* const node = tree.resolve(a);
  return node != nullptr && node == tree.resolve(b);
}

// The configuration of the packed image.
auto config_of(const Json& container, image::Tree& tree, const std::optional<Config>& own)
    -> std::expected<Config, Problem> {
  auto words = strings_of(member(container, {"config", "Entrypoint"}));
  const auto command = strings_of(member(container, {"config", "Cmd"}));
  words.insert(words.end(), command.begin(), command.end());
  auto variables = strings_of(member(container, {"config", "Env"}));
  if (words.empty() && own) return *own;
  if (words.empty())
    return fail(ProblemCode::no_config, {}, "has neither a program (Entrypoint, Cmd) nor a hermit.toml");
  if (has_nul(words) || has_nul(variables)) {
    return fail(ProblemCode::damaged_container, {}, "has an argument or a variable with a NUL");
  }
  const auto working_directory = string_of(member(container, {"config", "WorkingDir"}));
  auto kernel = find_program(tree, words.front(), working_directory, variables);
  if (!kernel) return std::unexpected{std::move(kernel.error())};
  words.erase(words.begin());
  Config config{.kernel = *std::move(kernel), .env_vars = std::move(variables)};
  split_arguments(std::move(words), config);
  if (own && is_same_file(tree, own->kernel, config.kernel)) {
    config.kernel = own->kernel;
    config.memory = own->memory;
    config.cpus = own->cpus;
  }
  return config;
}

// Writes the tree as a packed image: its configuration and its kernel first.
class Writer {
 public:
  explicit Writer(const image::Sink& sink) : writer_{sink, image::Compression::stored} {}

  [[nodiscard]] auto write(image::Tree& tree, const image::File& config, const image::File* kernel) -> bool {
    if (!write(config)) return false;
    if (kernel != nullptr && kernel->path != config.path && !write(*kernel)) return false;
    for (const auto& [path, node] : tree.nodes()) {
      if (path == config.path || &node.file == kernel) continue;
      if (!write(node.file)) return false;
    }
    return writer_.finish();
  }

 private:
  // Hard links stay hard links: otherwise, a small image could fill the memory.
  [[nodiscard]] auto write(const image::File& file) -> bool {
    if (file.kind != image::FileKind::regular) return writer_.add(file);
    const auto [first, is_new] = written_.try_emplace(file.contents.get(), file.path);
    if (!is_new && file.contents) return writer_.add_hard_link(file, first->second);
    return writer_.add(file) && writer_.write(file.bytes()) && writer_.pad();
  }

  image::TarWriter writer_;
  std::map<const std::byte*, std::string> written_;
};

auto unwritten() -> std::unexpected<Problem> {
  return fail(ProblemCode::cannot_pack, {}, "the packed image cannot be written");
}

// The file may have changed since its digest was verified.
auto copy(const ContainerFiles& files, const Layer& layer, const image::Sink& sink) -> std::expected<void, Problem> {
  const auto source = files.source(layer.file);
  if (!source) return std::unexpected{source.error()};
  Sha256 sum;
  for (;;) {
    const auto piece = (*source)->next();
    if (!piece) return std::unexpected{piece.error()};
    if (piece->empty()) break;
    sum.add(*piece);
    if (!sink(*piece)) return unwritten();
  }
  if (layer.digest && sum.finish() != *layer.digest) return wrong_digest(layer.file, *layer.digest);
  return {};
}

// A configuration that is not that of the image replaces its hermit.toml, also one that is a link.
auto generated_config(const Config& config, image::Tree& tree) -> std::expected<image::File, Problem> {
  const std::string path{image::kConfigPath};
  const auto* const present = tree.find(path);
  if (present != nullptr && present->file.kind == image::FileKind::directory) {
    return fail(ProblemCode::entry_conflict, path, "is a directory");
  }
  constexpr std::uint32_t kMode = 0644;
  const auto text = image::to_toml(config);
  image::File file{.path = path, .mode = kMode, .size = text.size()};
  auto contents = std::make_shared_for_overwrite<std::byte[]>(text.size());
  std::ranges::copy(std::as_bytes(std::span{text}), contents.get());
  file.contents = std::move(contents);
  return file;
}

}  // namespace

auto to_packed_image(const ContainerFiles& files, const ConvertOptions& options, const image::Sink& sink)
    -> std::expected<void, Problem> {
  const auto manifest = read_manifest(files, options.architecture);
  if (!manifest) return std::unexpected{manifest.error()};
  Merger merger{files, options};
  if (auto merged = merger.merge(manifest->layers); !merged) return merged;
  auto& tree = merger.tree();
  const auto own = own_config(tree);
  if (!own) return std::unexpected{own.error()};
  const auto config = config_of(manifest->config, tree, *own);
  if (!config) return std::unexpected{config.error()};
  const bool is_own = *own && **own == *config;
  if (is_own && merger.is_one_packed_layer()) return copy(files, manifest->layers.front(), sink);

  const auto* const kernel = tree.resolve(config->kernel);
  const auto* const kernel_file = kernel == nullptr ? nullptr : &kernel->file;
  if (is_own) {
    const auto& file = tree.resolve(image::kConfigPath)->file;
    return Writer{sink}.write(tree, file, kernel_file) ? std::expected<void, Problem>{} : unwritten();
  }
  const auto file = generated_config(*config, tree);
  if (!file) return std::unexpected{file.error()};
  return Writer{sink}.write(tree, *file, kernel_file) ? std::expected<void, Problem>{} : unwritten();
}

}  // namespace hermitage::oci
