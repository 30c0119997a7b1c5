#include "hermitage/image/tree.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/image/path.hpp"

namespace hermitage::image {
namespace {

// An archive can repeat a warning a million times; the first ones are sufficient.
constexpr std::size_t kMaxWarnings = 64;

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
    return fail(ProblemCode::entry_conflict, entry, "is in '" + std::string{present} + "', which is not a directory");
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
  return {};
}

auto Tree::make_node(const std::string& path, const Entry& entry) -> std::expected<Node, Problem> {
  Node node{.file = {.path = path, .mode = entry.mode}};
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
      return node;
    }
    case EntryKind::fifo: return fail(ProblemCode::entry_kind, entry, "is a FIFO, which an image cannot contain");
    case EntryKind::device: return fail(ProblemCode::entry_kind, entry, "is a device, which an image cannot contain");
    case EntryKind::other: break;
  }
  return fail(ProblemCode::entry_kind, entry, "is neither a file, nor a directory, nor a link");
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
