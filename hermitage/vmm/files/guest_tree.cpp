#include "hermitage/vmm/files/guest_tree.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fcntl.h>

#include "hermitage/entry/image_path.hpp"
#include "hermitage/vmm/files/private_directory.hpp"

namespace hermitage::vmm {
namespace {

using entry::kMaxLinks;
using entry::kMaxName;

// Each ".." is looked up from the root of its mapping, which can be slow for deep directories and long links. This
// limits the time of one walk.
constexpr std::size_t kMaxLookups = std::size_t{1} << 17;

// One walk along a path. It requests one component at a time from the host, in the current directory of the walk, so
// changes on the host at the same time cannot lead it out of a mapping.
class Walk {
 public:
  Walk(const GuestTree& tree, std::string_view path, bool follow)
      : tree_{tree}, follow_{follow}, left_{components_of(path)} {
    std::ranges::reverse(left_);  // the next component is last
    way_.push_back({.position = {.node = tree.root(), .mapping = tree.root()->directory()->mapping}});
  }

  auto go() -> FileResult<Place> {
    while (!left_.empty()) {
      const auto name = std::move(left_.back());
      left_.pop_back();
      if (const auto done = step(name); !done) return fails(done.error());
    }
    return Place{.kind = kind_,
                 .position = here(),
                 .host = std::move(host_),
                 .name = std::move(name_),
                 .node = std::move(node_),
                 .status = status_,
                 .missing = std::move(missing_)};
  }

 private:
  using Kind = Place::Kind;

  // A directory on the walk, the name by which the walk entered it, and its depth below the root of the mapping.
  struct Step {
    Position position;
    std::string name = {};
    std::size_t depth = 0;
  };

  [[nodiscard]] auto here() const -> const Position& { return way_.back().position; }

  [[nodiscard]] auto host_here() const -> int { return host_.is_open() ? host_.get() : here().mapping->directory(); }

  auto step(const std::string& name) -> FileResult<void> {
    if (kind_ == Kind::other) return fails(Errno::notdir);
    if (kind_ == Kind::nothing) return step_into_nothing(name);
    if (name == "..") return step_up();
    if (name.size() > kMaxName) return fails(Errno::nametoolong);
    if (way_.size() >= GuestTree::kMaxPath) return fails(Errno::nametoolong);
    if (here().node) {
      if (const auto found = tree_.entry(*here().node->directory(), name)) return step_in_tree(name, found);
    }
    if (here().mapping) return step_on_host(name);
    be(Kind::nothing, name);
    return {};
  }

  // A path can contain missing directories, which are then created. In a mapping, the guest must create them first.
  auto step_into_nothing(const std::string& name) -> FileResult<void> {
    if (name == ".." || here().mapping) return fails(Errno::noent);
    if (name.size() > kMaxName) return fails(Errno::nametoolong);
    missing_.push_back(std::exchange(name_, name));
    return {};
  }

  auto step_up() -> FileResult<void> {
    if (way_.size() > 1) way_.pop_back();
    return find_host_again();
  }

  // Finds the current directory on the host, from the root of the mapping.
  auto find_host_again() -> FileResult<void> {
    host_ = Descriptor{};
    const auto depth = way_.back().depth;
    if (depth == 0) return {};
    lookups_ += depth;
    if (lookups_ > kMaxLookups) return fails(Errno::loop);
    std::string path;
    for (auto step = way_.end() - static_cast<std::ptrdiff_t>(depth); step != way_.end(); ++step) {
      path.append(path.empty() ? "" : "/").append(step->name);
    }
    auto opened = open_beneath(here().mapping->directory(), path.c_str(), O_PATH | O_DIRECTORY);
    if (!opened) return fails(opened.error());
    host_ = std::move(*opened);
    return {};
  }

  auto step_in_tree(const std::string& name, const std::shared_ptr<Node>& node) -> FileResult<void> {
    if (const auto* const link = std::get_if<Link>(&node->what)) {
      if (follows_here()) return follow(link->target);
      node_ = node;
      be(Kind::other, name);
      return {};
    }
    const auto* const directory = node->directory();
    if (directory == nullptr) {
      node_ = node;
      be(Kind::other, name);
      return {};
    }
    if (directory->mapping) {
      enter({.node = node, .mapping = directory->mapping}, name, 0, Descriptor{});
      return {};
    }
    return step_below_mapping(name, node);
  }

  // Enters a directory that exists because a mapping is below it, or that exists only in the tree.
  auto step_below_mapping(const std::string& name, const std::shared_ptr<Node>& node) -> FileResult<void> {
    const bool may_be_on_host = here().mapping && !is_private_name(name);
    auto opened = may_be_on_host ? open_beneath(host_here(), name.c_str(), O_PATH | O_DIRECTORY) : fails(Errno::noent);
    if (opened) {
      enter({.node = node, .mapping = here().mapping}, name, way_.back().depth + 1, std::move(*opened));
    } else {
      enter({.node = node}, name, 0, Descriptor{});
    }
    return {};
  }

  auto step_on_host(const std::string& name) -> FileResult<void> {
    auto opened = is_private_name(name) ? fails(Errno::noent) : open_beneath(host_here(), name.c_str(), O_PATH);
    if (!opened && opened.error() != Errno::noent) return fails(opened.error());
    if (!opened) {
      be(Kind::nothing, name);
      return {};
    }
    struct stat status{};
    if (::fstat(opened->get(), &status) != 0) return last_error();
    if (S_ISDIR(status.st_mode)) {
      enter({.mapping = here().mapping}, name, way_.back().depth + 1, std::move(*opened));
      return {};
    }
    if (S_ISLNK(status.st_mode) && follows_here()) {
      const auto target = link_target(*opened);
      if (!target) return fails(target.error());
      return follow(*target);
    }
    status_ = status;
    be(Kind::other, name);
    return {};
  }

  void enter(Position position, const std::string& name, std::size_t depth, Descriptor host) {
    way_.push_back({.position = std::move(position), .name = name, .depth = depth});
    host_ = std::move(host);
  }

  [[nodiscard]] auto follows_here() const -> bool { return follow_ || !left_.empty(); }

  auto follow(std::string_view target) -> FileResult<void> {
    if (++links_ > kMaxLinks || left_.size() > GuestTree::kMaxPath) return fails(Errno::loop);
    if (target.empty()) return fails(Errno::noent);
    const auto components = components_of(target);
    left_.insert(left_.end(), components.rbegin(), components.rend());
    if (!target.starts_with('/')) return {};
    way_.resize(1);
    return find_host_again();
  }

  void be(Kind kind, const std::string& name) {
    kind_ = kind;
    name_ = name;
  }

  const GuestTree& tree_;
  bool follow_;
  std::vector<std::string> left_;
  std::size_t links_ = 0;
  std::size_t lookups_ = 0;  // of names on the host, to return to the current directory

  std::vector<Step> way_;  // the directories from the root to the current one
  Descriptor host_;        // the current directory, if it is below the root of a mapping
  Kind kind_ = Kind::directory;
  std::string name_;
  std::shared_ptr<Node> node_;
  std::optional<struct stat> status_;
  std::vector<std::string> missing_;
};

}  // namespace

auto components_of(std::string_view path) -> std::vector<std::string> {
  std::vector<std::string> components;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const auto component = path.substr(0, end);
    if (!component.empty() && component != ".") components.emplace_back(component);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

// Destroys the tree level by level. Otherwise, the destructor of a directory would call that of its subdirectory, as
// deep as the guest has nested them, and exceed the stack.
GuestTree::~GuestTree() {
  std::vector<std::shared_ptr<Node>> left{std::move(root_)};
  while (!left.empty()) {
    const auto node = std::move(left.back());
    left.pop_back();
    auto* const directory = node->directory();
    if (directory == nullptr) continue;
    for (auto& [name, entry] : directory->entries) left.push_back(std::move(entry));
    directory->entries.clear();
  }
}

auto GuestTree::find(std::string_view path, bool follow) const -> FileResult<Place> {
  if (path.size() >= kMaxPath) return fails(Errno::nametoolong);
  if (path.empty()) return fails(Errno::noent);
  // The host would treat it as the end of the path.
  if (path.find('\0') != std::string_view::npos) return fails(Errno::inval);
  return Walk{*this, path, follow}.go();
}

auto GuestTree::is_current(const Place& place) const -> bool {
  if (place.kind == Place::Kind::directory || !place.position.node) return true;
  const auto& name = place.missing.empty() ? place.name : place.missing.front();
  return entry(*place.position.node->directory(), name) == place.node;
}

auto GuestTree::entry(const Directory& directory, std::string_view name) const -> std::shared_ptr<Node> {
  const std::scoped_lock lock{mutex_};
  const auto found = directory.entries.find(name);
  return found == directory.entries.end() ? nullptr : found->second;
}

auto GuestTree::entries_behind(const Directory& directory, std::string_view name, std::size_t count) const
    -> std::vector<Entry> {
  const std::scoped_lock lock{mutex_};
  std::vector<Entry> result;
  for (auto next = directory.entries.upper_bound(name); next != directory.entries.end() && result.size() < count;
       ++next) {
    result.push_back({.name = next->first, .node = next->second});
  }
  return result;
}

void GuestTree::place(std::string_view path, Node::What what) {
  const std::scoped_lock lock{mutex_};
  auto parent = root_;
  const auto components = components_of(path);
  if (components.empty()) {
    const auto* const root = std::get_if<Directory>(&what);
    if (root != nullptr && root->mapping) root_ = make_node(std::move(what), false);
    return;
  }
  for (std::size_t i = 0; i + 1 < components.size(); ++i) {
    auto& next = parent->directory()->entries[components[i]];
    if (!next || next->directory() == nullptr) next = make_node(Directory{}, false);
    parent = next;
  }
  auto& node = parent->directory()->entries[components.back()];
  const auto* const directory = std::get_if<Directory>(&what);
  const bool keeps_directory = node && node->directory() != nullptr && directory != nullptr && !directory->mapping;
  if (!keeps_directory) node = make_node(std::move(what), false);
}

auto GuestTree::has_room_for(const Place& place) const -> bool {
  const std::scoped_lock lock{mutex_};
  return has_room_for(place.missing.size() + 1);
}

auto GuestTree::make(const Place& place, Node::What what) -> FileResult<std::shared_ptr<Node>> {
  const std::scoped_lock lock{mutex_};
  auto* parent = place.position.node->directory();
  if (parent->entries.contains(place.missing.empty() ? place.name : place.missing.front())) return fails(Errno::exist);
  const auto count = place.missing.size() + 1;
  if (!has_room_for(count)) return fails(Errno::nospc);
  guest_nodes_ += count;
  for (const auto& name : place.missing) {
    parent = parent->entries.emplace(name, make_node(Directory{}, true)).first->second->directory();
  }
  return parent->entries.emplace(place.name, make_node(std::move(what), true)).first->second;
}

auto GuestTree::remove(const Place& place) -> FileResult<void> {
  const std::scoped_lock lock{mutex_};
  auto& entries = place.position.node->directory()->entries;
  const auto entry = entries.find(place.name);
  if (entry == entries.end() || entry->second != place.node) return fails(Errno::noent);
  if (place.node->is_guests) --guest_nodes_;
  entries.erase(entry);
  return {};
}

auto GuestTree::make_node(Node::What what, bool is_guests) -> std::shared_ptr<Node> {
  return std::make_shared<Node>(Node{.what = std::move(what), .number = ++last_number_, .is_guests = is_guests});
}

}  // namespace hermitage::vmm
