#include "hermitage/image/pack.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "hermitage/image/config_source.hpp"
#include "hermitage/image/path.hpp"
#include "hermitage/image/source.hpp"
#include "hermitage/image/tree.hpp"

namespace hermitage::image {
namespace {

namespace fs = std::filesystem;

auto cannot_pack(const fs::path& file, std::string why) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = ProblemCode::cannot_pack, .file = file.string(), .text = std::move(why)}};
}

auto kind_of(fs::file_type type) -> EntryKind {
  switch (type) {
    case fs::file_type::regular: return EntryKind::regular;
    case fs::file_type::directory: return EntryKind::directory;
    case fs::file_type::symlink: return EntryKind::symbolic_link;
    case fs::file_type::fifo: return EntryKind::fifo;
    case fs::file_type::block:
    case fs::file_type::character: return EntryKind::device;
    default: return EntryKind::other;
  }
}

// The entry for a file, with this name.
auto make_entry(const fs::path& file, fs::file_status status, std::string name) -> std::expected<Entry, Problem> {
  constexpr std::uint32_t kRunnable = 0755;
  constexpr std::uint32_t kPlain = 0644;
  Entry entry{.name = std::move(name), .kind = kind_of(status.type())};
  const bool is_runnable = (status.permissions() & fs::perms::owner_exec) != fs::perms::none;
  entry.mode = entry.kind == EntryKind::directory || is_runnable ? kRunnable : kPlain;
  std::error_code error;
  if (entry.kind == EntryKind::regular) entry.size = fs::file_size(file, error);
  if (entry.kind == EntryKind::symbolic_link) {
    constexpr std::uint32_t kLink = 0777;
    entry.mode = kLink;
    entry.link_target = fs::read_symlink(file, error).string();
  }
  if (error) return cannot_pack(file, error.message());
  return entry;
}

class Packer {
 public:
  explicit Packer(const PackRequest& request) : request_{request}, tree_{request.limits} {}

  auto pack(const Sink& sink) -> std::expected<Packed, Problem> {
    for (const auto& directory : request_.directories) {
      if (auto added = add_directory(directory); !added) return std::unexpected{std::move(added.error())};
    }
    auto source = read_config();
    if (!source) return std::unexpected{std::move(source.error())};
    if (auto checked = check_config(source->config); !checked) return std::unexpected{std::move(checked.error())};
    if (auto added = add_kernel(source->config.kernel); !added) return std::unexpected{std::move(added.error())};
    const auto kernel = find_kernel(*source);
    if (!kernel) return std::unexpected{kernel.error()};
    auto file = files_.at((*kernel)->file.path);
    if (request_.check_kernel) {
      if (auto checked = request_.check_kernel(file); !checked) return std::unexpected{std::move(checked.error())};
    }
    if (auto written = write(**kernel, sink); !written) return std::unexpected{std::move(written.error())};
    return Packed{.config = std::move(source->config), .kernel = std::move(file), .warnings = std::move(warnings_)};
  }

 private:
  auto add(const fs::path& file, const Entry& entry) -> std::expected<void, Problem> {
    auto node = tree_.add(entry, warnings_);
    if (!node) return std::unexpected{std::move(node.error())};
    if (*node != nullptr) files_.insert_or_assign((*node)->file.path, file);
    return {};
  }

  // In order, so that warnings are always the same.
  auto add_directory(const fs::path& directory) -> std::expected<void, Problem> {
    std::error_code error;
    std::vector<fs::path> files;
    const auto none = fs::recursive_directory_iterator{};
    for (auto it = fs::recursive_directory_iterator{directory, error}; !error && it != none; it.increment(error)) {
      files.push_back(it->path());
    }
    if (error) return cannot_pack(directory, error.message());
    std::ranges::sort(files);
    for (const auto& file : files) {
      const auto status = fs::symlink_status(file, error);
      if (error) return cannot_pack(file, error.message());
      const auto entry = make_entry(file, status, file.lexically_relative(directory).string());
      if (!entry) return std::unexpected{entry.error()};
      if (auto added = add(file, *entry); !added) return added;
    }
    return {};
  }

  auto read_config() -> std::expected<ConfigSource, Problem> {
    if (request_.config) {
      config_ = *request_.config;
      constexpr std::uint32_t kMode = 0644;
      const Entry entry{.name = std::string{kConfigPath}, .mode = kMode, .size = config_.size()};
      if (auto added = add({}, entry); !added) return std::unexpected{std::move(added.error())};
      return read_config_source(config_, warnings_, request_.config_file);
    }
    const auto* node = tree_.resolve(kConfigPath);
    if (node == nullptr || node->file.kind != FileKind::regular) {
      return std::unexpected{
          Problem{.code = ProblemCode::no_config,
                  .text = "no configuration: give --kernel or --config, or add hermit.toml to a DIR"}};
    }
    const auto& file = files_.at(node->file.path);
    if (node->file.size > kMaxConfigSize) return std::unexpected{config_too_large(file.string())};
    std::ifstream stream{file, std::ios::binary};
    config_.assign(std::istreambuf_iterator<char>{stream}, {});
    if (!stream) return cannot_pack(file, "cannot be read");
    auto source = read_config_source(config_, warnings_, file.string());
    config_.clear();
    return source;
  }

  auto check_config(const Config& config) -> std::expected<void, Problem> {
    if (!request_.check_config) return {};
    auto checked = request_.check_config(config);
    if (checked) return {};
    checked.error().file =
        request_.config ? request_.config_file : files_.at(tree_.resolve(kConfigPath)->file.path).string();
    return checked;
  }

  auto add_kernel(const std::string& path) -> std::expected<void, Problem> {
    if (request_.kernel.empty()) return {};
    std::error_code error;
    const auto status = fs::status(request_.kernel, error);
    if (error) return cannot_pack(request_.kernel, error.message());
    if (status.type() != fs::file_type::regular) return cannot_pack(request_.kernel, "is not a regular file");
    const auto entry = make_entry(request_.kernel, status, path);
    if (!entry) return std::unexpected{entry.error()};
    return add(request_.kernel, *entry);
  }

  auto find_kernel(const ConfigSource& source) -> std::expected<const Node*, Problem> {
    const auto* node = tree_.resolve(source.config.kernel);
    if (node != nullptr && node->file.kind == FileKind::regular) return node;
    return std::unexpected{kernel_problem(source, node != nullptr, request_.config_file)};
  }

  auto write(const Node& kernel, const Sink& sink) -> std::expected<void, Problem> {
    TarWriter writer{sink};
    for (const auto& [path, node] : tree_.nodes()) total_ += node.file.size;
    const auto* config = tree_.find(kConfigPath);
    if (auto written = write_file(*config, writer); !written) return written;
    if (&kernel != config) {
      if (auto written = write_file(kernel, writer); !written) return written;
    }
    for (const auto& [path, node] : tree_.nodes()) {
      if (&node == config || &node == &kernel) continue;
      if (auto written = write_file(node, writer); !written) return written;
    }
    if (auto finished = go_on(writer.finish()); !finished) return finished;
    if (writer.unpacked_size() <= request_.limits.unpacked_size) return {};
    return std::unexpected{Problem{
        .code = ProblemCode::too_large,
        .text = "unpacks to more than the limit of " + std::to_string(request_.limits.unpacked_size) + " bytes"}};
  }

  auto write_file(const Node& node, TarWriter& writer) -> std::expected<void, Problem> {
    if (!writer.add(node.file)) return go_on(false);
    if (node.file.kind != FileKind::regular) return {};
    const auto& file = files_.at(node.file.path);
    if (file.empty()) return go_on(writer.write(std::as_bytes(std::span{config_})) && writer.pad());
    const auto source = FileSource::open(file);
    if (!source) return cannot_pack(file, source.error().text);
    for (std::uint64_t left = node.file.size;;) {
      const auto piece = (*source)->next();
      if (!piece) return cannot_pack(file, piece.error().text);
      if (piece->size() > left || (piece->empty() && left != 0)) {
        return cannot_pack(file, "changed while it was being read");
      }
      if (piece->empty()) break;
      if (!writer.write(*piece)) return go_on(false);
      left -= piece->size();
      done_ += piece->size();
      if (request_.progress) request_.progress(done_, total_);
    }
    return go_on(writer.pad());
  }

  static auto go_on(bool continues) -> std::expected<void, Problem> {
    if (continues) return {};
    return std::unexpected{Problem{.code = ProblemCode::cannot_pack, .text = "the image cannot be written"}};
  }

  const PackRequest& request_;
  Tree tree_;
  std::map<std::string, fs::path, std::less<>> files_;  // by path in the image; empty for config_
  std::string config_;
  std::vector<Problem> warnings_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

auto pack(const PackRequest& request, const Sink& sink) -> std::expected<Packed, Problem> {
  return Packer{request}.pack(sink);
}

}  // namespace hermitage::image
