#include "hermitage/image/tree.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/image/path.hpp"

namespace hermitage::image {
namespace {

// An archive can repeat a warning a million times; the first ones are sufficient.
constexpr std::size_t kMaxWarnings = 64;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kSpecialWhiteout = ".wh..wh.";
constexpr std::string_view kOpaqueWhiteout = ".wh..wh..opq";

auto fail(ProblemCode code, const Entry& entry, std::string text) -> std::unexpected<Problem> {
  return std::unexpected{Problem{.code = code, .file = entry.name, .text = std::move(text)}};
}

// Whether the target of a link at a normalized path is in the image.
auto stays_inside(std::string_view path, std::string_view target) -> bool {
  return entry::stays_inside(static_cast<std::size_t>(std::ranges::count(path, '/')), target);
}

auto leads_out(const Entry& entry, std::string_view target) -> std::unexpected<Problem> {
  return fail(ProblemCode::link_outside, entry,
              "is a symbolic link to '" + std::string{target} +
                  "', which may lead out of the image; a target must be relative, with '..' only at its beginning");
}

// Whether an entry of a layer is only of concern to the tool that wrote it. Its directories can have such a name.
auto is_ignored(std::string_view path, std::string_view name) -> bool {
  if (name == kOpaqueWhiteout) return false;
  if (path.starts_with(kSpecialWhiteout)) return true;
  return path.find(std::string{"/"}.append(kSpecialWhiteout)) != std::string_view::npos;
}

}  // namespace

auto Tree::find(std::string_view path) -> Node* {
  const auto found = nodes_.find(path);
  return found == nodes_.end() ? nullptr : &found->second;
}

auto Tree::resolve(std::string_view path) -> Node* {
  const auto* file = follow_path(path, [this](std::string_view at) -> const File* {
    const auto* node = find(at);
    return node == nullptr ? nullptr : &node->file;
  });
  return file == nullptr ? nullptr : find(file->path);
}

auto Tree::count(const Entry& entry) -> std::expected<void, Problem> {
  if (++entries_ + parents_ > limits_.entries) {
    return fail(ProblemCode::too_many_entries, entry,
                "exceeds the limit for entries of " + std::to_string(limits_.entries));
  }
  if (entry.size > limits_.unpacked_size - size_) {
    return fail(ProblemCode::too_large, entry,
                "exceeds the total file size limit of " + std::to_string(limits_.unpacked_size) + " bytes");
  }
  size_ += entry.size;
  return {};
}

auto Tree::count_path(std::size_t size, const Entry& entry) -> std::expected<void, Problem> {
  if (size > limits_.path_size - path_size_) {
    return fail(ProblemCode::too_large, entry,
                "exceeds the limit for paths and link targets of " + std::to_string(limits_.path_size) + " bytes");
  }
  path_size_ += size;
  return {};
}

// All parents of existing directories exist, so only directories below the deepest existing one are missing.
auto Tree::make_parents(const std::string& path, const Entry& entry) -> std::expected<void, Problem> {
  auto present = parent_path(path);
  for (; !present.empty(); present = parent_path(present)) {
    const auto* node = find(present);
    if (node == nullptr) continue;
    if (node->file.kind == FileKind::directory) break;
    if (node->layer == layer_) {
      return fail(ProblemCode::entry_conflict, entry, "is in '" + std::string{present} + "', which is not a directory");
    }
    nodes_.erase(nodes_.find(present));
  }
  const auto first = present.empty() ? 0 : present.size() + 1;
  for (auto slash = path.find('/', first); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (entries_ + ++parents_ > limits_.entries) {
      return fail(
          ProblemCode::too_many_entries, entry,
          "exceeds the limit for entries, including implied directories, of " + std::to_string(limits_.entries) + "");
    }
    if (auto counted = count_path(slash, entry); !counted) return counted;
    constexpr std::uint32_t kMode = 0755;
    const auto parent = path.substr(0, slash);
    nodes_.emplace(parent, Node{.file = {.path = parent, .kind = FileKind::directory, .mode = kMode}});
  }
  // The directories of a file of this layer are this layer's, too: a whiteout must not remove them.
  for (auto parent = parent_path(path); !parent.empty(); parent = parent_path(parent)) {
    auto& layer = find(parent)->layer;
    if (layer == layer_) break;
    layer = layer_;
  }
  return {};
}

auto Tree::make_node(const std::string& path, const Entry& entry) -> std::expected<Node, Problem> {
  Node node{.file = {.path = path, .mode = entry.mode}, .layer = layer_};
  switch (entry.kind) {
    case EntryKind::regular:
      node.file.size = entry.size;
      node.entry = entries_;
      return node;
    case EntryKind::directory: node.file.kind = FileKind::directory; return node;
    case EntryKind::symbolic_link:
      if (entry.link_target.empty())
        return fail(ProblemCode::link_target, entry, "is a symbolic link without a target");
      if (entry.link_target.size() > entry::kMaxPath) {
        return fail(ProblemCode::link_target, entry, "is a symbolic link whose target is too long");
      }
      if (!stays_inside(path, entry.link_target)) return leads_out(entry, entry.link_target);
      node.file.kind = FileKind::symbolic_link;
      node.file.link_target = entry.link_target;
      return node;
    case EntryKind::hard_link: {
      const auto target = normalize_path(entry.link_target);
      if (!target) {
        return fail(ProblemCode::link_outside, entry,
                    "is a hard link to '" + entry.link_target + "', which may be outside of the image");
      }
      const auto* linked = find(*target);
      if (linked == nullptr || linked->file.kind == FileKind::directory) {
        return fail(ProblemCode::link_target, entry,
                    "is a hard link to '" + entry.link_target + "', which does not precede it");
      }
      // A hard link to a symbolic link keeps the target, which is now relative to another directory.
      if (!stays_inside(path, linked->file.link_target)) return leads_out(entry, linked->file.link_target);
      node = *linked;
      node.file.path = path;
      node.layer = layer_;
      return node;
    }
    case EntryKind::fifo: return fail(ProblemCode::entry_kind, entry, "is a FIFO, which an image cannot contain");
    case EntryKind::device: return fail(ProblemCode::entry_kind, entry, "is a device, which an image cannot contain");
    case EntryKind::other: break;
  }
  return fail(ProblemCode::entry_kind, entry, "is neither a file, nor a directory, nor a link");
}

void Tree::begin_layer() {
  ++layer_;
  whiteouts_.clear();
}

auto Tree::add_of_layer(const Entry& entry, std::vector<Problem>& warnings) -> std::expected<Node*, Problem> {
  const auto path = normalize_path(entry.name).value_or("");
  const auto directory = parent_path(path);
  const auto name = std::string_view{path}.substr(directory.empty() ? 0 : directory.size() + 1);
  if (is_ignored(path, name)) {
    if (auto counted = count(entry); !counted) return std::unexpected{std::move(counted.error())};
    return nullptr;
  }
  if (!name.starts_with(kWhiteout)) return add(entry, warnings);
  if (auto removed = remove(entry, directory, name); !removed) return std::unexpected{std::move(removed.error())};
  return nullptr;
}

auto Tree::remove(const Entry& whiteout, std::string_view directory, std::string_view name)
    -> std::expected<void, Problem> {
  if (auto counted = count(whiteout); !counted) return counted;
  if (auto counted = count_path(whiteout.name.size(), whiteout); !counted) return counted;
  if (!whiteouts_.insert(std::string{directory} + "/" + std::string{name}).second) return {};
  if (name == kOpaqueWhiteout) {
    remove_lower_below(std::string{directory});
    return {};
  }
  const auto hidden = name.substr(kWhiteout.size());
  if (hidden.empty() || hidden == "." || hidden == "..") {
    return fail(ProblemCode::entry_name, whiteout, "is a whiteout of no file");
  }
  remove_lower(directory.empty() ? std::string{hidden} : std::string{directory}.append("/").append(hidden));
  return {};
}

// A file of this layer is only in directories that are marked as this layer's, too.
void Tree::remove_lower(const std::string& path) {
  const auto found = nodes_.find(path);
  if (found == nodes_.end()) return;
  remove_lower_below(path);
  if (found->second.layer != layer_) nodes_.erase(found);
}

void Tree::remove_lower_below(const std::string& path) {
  const auto prefix = path.empty() ? path : path + "/";
  for (auto node = nodes_.lower_bound(prefix); node != nodes_.end() && node->first.starts_with(prefix);) {
    node = node->second.layer == layer_ ? std::next(node) : nodes_.erase(node);
  }
}

auto Tree::add(const Entry& entry, std::vector<Problem>& warnings) -> std::expected<Node*, Problem> {
  if (auto counted = count(entry); !counted) return std::unexpected{std::move(counted.error())};
  const auto path = normalize_path(entry.name);
  if (!path) return fail(ProblemCode::entry_outside, entry, "has '..' in its name");
  const auto shape = entry::shape_of(*path);
  if (shape.is_too_long) return fail(ProblemCode::entry_name, entry, "has a name that is too long");
  if (shape.is_too_deep()) {
    return fail(ProblemCode::entry_name, entry,
                "is nested deeper than " + std::to_string(entry::kMaxDepth) + " directories, the limit");
  }
  if (path->empty()) {
    if (entry.kind == EntryKind::directory) return nullptr;
    return fail(ProblemCode::entry_name, entry, "has no name");
  }
  auto made = make_node(*path, entry);
  if (!made) return std::unexpected{std::move(made.error())};
  if (auto counted = count_path(path->size() + made->file.link_target.size(), entry); !counted) {
    return std::unexpected{std::move(counted.error())};
  }
  if (auto parents = make_parents(*path, entry); !parents) return std::unexpected{std::move(parents.error())};

  auto* existing = find(*path);
  if (existing == nullptr) return &nodes_.emplace(*path, *std::move(made)).first->second;
  const bool was_directory = existing->file.kind == FileKind::directory;
  const bool is_lower = existing->layer != layer_;
  if (is_lower && was_directory && made->file.kind != FileKind::directory) {
    remove_lower(*path);
    return &nodes_.emplace(*path, *std::move(made)).first->second;
  }
  if (is_lower) {
    *existing = *std::move(made);
    return existing;
  }
  if (was_directory != (made->file.kind == FileKind::directory)) {
    return fail(ProblemCode::entry_conflict, entry, "is both a directory and something else");
  }
  if (!was_directory && warnings.size() < kMaxWarnings) {
    warnings.push_back({.code = ProblemCode::duplicate_entry,
                        .file = entry.name,
                        .text = "occurs more than once; the last entry is used"});
  }
  *existing = *std::move(made);
  return existing;
}

}  // namespace hermitage::image
