#include "hermitage/image/image.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/entry/format.hpp"
#include "hermitage/image/archive.hpp"
#include "hermitage/image/config_source.hpp"
#include "hermitage/image/path.hpp"
#include "hermitage/image/source.hpp"
#include "hermitage/image/tree.hpp"

namespace hermitage::image {
namespace {

using entry::text_of;

// Reads an archive once, and again if something is needed that was not kept.
class Opener {
 public:
  Opener(Source& source, const OpenOptions& options) : source_{source}, options_{options}, tree_{options.limits} {}

  // Builds the tree.
  auto read_all() -> std::expected<void, Problem> {
    ArchiveReader reader{source_, options_.limits, options_.progress};
    for (;;) {
      const auto entry = reader.next();
      if (!entry) return std::unexpected{entry.error()};
      if (!*entry) break;
      const auto node = tree_.add(**entry, warnings_);
      if (!node) return std::unexpected{node.error()};
      if (*node == nullptr || (*entry)->kind != EntryKind::regular) continue;
      if (auto held = hold(reader, (*node)->file); !held) return held;
    }
    unpacked_size_ = reader.unpacked_size();
    return {};
  }

  auto read_config() -> std::expected<ConfigSource, Problem> {
    auto* node = tree_.resolve(kConfigPath);
    if (node == nullptr || node->file.kind != FileKind::regular) {
      return std::unexpected{Problem{.code = ProblemCode::no_config,
                                     .file = {},
                                     .text = "has no hermit.toml at its root, so it is not a Hermit image"}};
    }
    if (node->file.size > kMaxConfigSize) return std::unexpected{config_too_large(kConfigPath)};
    if (auto fetched = fetch(*node); !fetched) return std::unexpected{std::move(fetched.error())};
    return read_config_source(text_of(node->file.bytes()), warnings_, kConfigPath);
  }

  auto find_kernel(const ConfigSource& source) -> std::expected<const File*, Problem> {
    auto* node = tree_.resolve(source.config.kernel);
    if (node == nullptr || node->file.kind != FileKind::regular) {
      return std::unexpected{kernel_problem(source, node != nullptr, kConfigPath)};
    }
    if (auto fetched = fetch(*node); !fetched) return std::unexpected{std::move(fetched.error())};
    return &node->file;
  }

  auto take_files() -> std::vector<File> {
    std::vector<File> files;
    files.reserve(tree_.nodes().size());
    for (auto& [path, node] : tree_.nodes()) files.push_back(std::move(node.file));
    return files;
  }

  auto take_warnings() -> std::vector<Problem> { return std::move(warnings_); }
  [[nodiscard]] auto unpacked_size() const -> std::uint64_t { return unpacked_size_; }

  // Frees the bytes of all files but one.
  void keep_only(const File* kept) {
    for (auto& [path, node] : tree_.nodes()) {
      if (&node.file != kept) node.file.contents.reset();
    }
  }

 private:
  // Keeps the bytes of a new file, if they are requested or may be.
  auto hold(ArchiveReader& reader, File& file) -> std::expected<void, Problem> {
    if (options_.contents == Contents::all) return read_contents(reader, file);
    if (file.path == kConfigPath) {
      if (file.size > kMaxConfigSize) return {};
      if (auto read = read_contents(reader, file); !read) return read;
      learn_kernel_path(file);
      return {};
    }
    if (kernel_path_) return file.path == *kernel_path_ ? read_contents(reader, file) : std::expected<void, Problem>{};
    // If the kernel precedes the configuration, it is one of the ELF files.
    const auto beginning = reader.peek();
    if (!beginning) return std::unexpected{beginning.error()};
    return entry::detect_format(*beginning) == entry::Format::elf ? read_contents(reader, file)
                                                                  : std::expected<void, Problem>{};
  }

  // From the first configuration: a guess, since another may follow, and the path may be that of a link.
  void learn_kernel_path(const File& config) {
    if (kernel_path_) return;
    std::vector<Problem> ignored;
    const auto source = read_config_source(text_of(config.bytes()), ignored, kConfigPath);
    kernel_path_ = source ? normalize_path(source->config.kernel).value_or("") : std::string{};
    for (auto& [path, node] : tree_.nodes()) {
      if (path != *kernel_path_ && path != kConfigPath) node.file.contents.reset();
    }
  }

  // Ensures that the bytes of a file are in memory.
  auto fetch(Node& node) -> std::expected<void, Problem> {
    if (node.file.contents || node.file.size == 0) return {};
    if (auto rewound = source_.rewind(); !rewound) return rewound;
    ArchiveReader reader{source_, options_.limits, options_.progress};
    for (std::uint64_t number = 1;; ++number) {
      const auto entry = reader.next();
      if (!entry) return std::unexpected{entry.error()};
      const bool is_changed = !*entry || (number == node.entry &&
                                          ((*entry)->kind != EntryKind::regular || (*entry)->size != node.file.size));
      if (is_changed) {
        return std::unexpected{
            Problem{.code = ProblemCode::unreadable, .file = {}, .text = "changed while it was being read"}};
      }
      if (number == node.entry) return read_contents(reader, node.file);
    }
  }

  Source& source_;
  const OpenOptions& options_;
  Tree tree_;
  std::vector<Problem> warnings_;
  std::optional<std::string> kernel_path_;
  std::uint64_t unpacked_size_ = 0;
};

auto find_file(std::span<const File> files, std::string_view path) -> const File* {
  const auto found =
      std::ranges::lower_bound(files, path, {}, [](const File& file) { return std::string_view{file.path}; });
  return found != files.end() && found->path == path ? &*found : nullptr;
}

}  // namespace

auto Image::open(Source& source, const OpenOptions& options) -> std::expected<Image, Problem> {
  Opener opener{source, options};
  if (auto read = opener.read_all(); !read) return std::unexpected{std::move(read.error())};
  auto config = opener.read_config();
  if (!config) return std::unexpected{std::move(config.error())};
  const auto kernel = opener.find_kernel(*config);
  if (!kernel) return std::unexpected{kernel.error()};
  if (options.contents == Contents::kernel) opener.keep_only(*kernel);
  const auto kernel_path = (*kernel)->path;

  Image image;
  image.config_ = std::move(config->config);
  image.files_ = opener.take_files();
  image.kernel_ = static_cast<std::size_t>(find_file(image.files_, kernel_path) - image.files_.data());
  image.unpacked_size_ = opener.unpacked_size();
  image.warnings_ = opener.take_warnings();
  return image;
}

auto Image::open(std::span<const std::byte> bytes, const OpenOptions& options) -> std::expected<Image, Problem> {
  MemorySource source{bytes};
  return open(source, options);
}

auto Image::open(const std::filesystem::path& path, const OpenOptions& options) -> std::expected<Image, Problem> {
  const auto source = FileSource::open(path);
  if (!source) return std::unexpected{source.error()};
  return open(**source, options);
}

auto Image::open(int descriptor, const std::filesystem::path& path, const OpenOptions& options)
    -> std::expected<Image, Problem> {
  const auto source = FileSource::borrow(descriptor, path);
  if (auto rewound = source->rewind(); !rewound) return std::unexpected{std::move(rewound.error())};
  return open(*source, options);
}

auto Image::find(std::string_view path) const& -> const File* {
  const auto normalized = normalize_path(path);
  return normalized ? find_file(files_, *normalized) : nullptr;
}

auto Image::resolve(std::string_view path) const& -> const File* {
  return follow_path(path, [this](std::string_view at) { return find_file(files_, at); });
}

}  // namespace hermitage::image
