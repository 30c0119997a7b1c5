// The tree of names that a guest sees, and the resolution of paths in it. Internal to GuestFiles.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hermitage/vmm/descriptor.hpp"
#include "hermitage/vmm/files/host_file.hpp"
#include "hermitage/vmm/files/mapping.hpp"
#include "hermitage/vmm/files/temporary_file.hpp"

namespace hermitage::vmm {

struct Node;

struct Directory {
  std::map<std::string, std::shared_ptr<Node>, std::less<>> entries = {};  // protected by the lock of the tree
  std::shared_ptr<const Mapping> mapping = {};  // the directory of the host that the entries overlay, or null
};
struct ImageFile {
  std::span<const std::byte> content;
  std::uint32_t mode = 0;
  std::shared_ptr<const std::byte[]> owner = {};
};
struct Link {
  std::string target;
};

// A node in the tree is constant, except for the entries of a directory.
struct Node {
  using What = std::variant<Directory, ImageFile, Link, std::shared_ptr<TemporaryFile>, std::shared_ptr<HostFile>>;

  What what;
  std::uint64_t number = 0;  // st_ino
  bool is_guests = false;    // the guest has created it

  [[nodiscard]] auto directory() HERMITAGE_LIFETIMEBOUND -> Directory* { return std::get_if<Directory>(&what); }
  [[nodiscard]] auto directory() const HERMITAGE_LIFETIMEBOUND -> const Directory* {
    return std::get_if<Directory>(&what);
  }
};

// A directory of the tree, a directory of the host below a mapping, or both, if a mapping is nested in a mapped
// directory.
struct Position {
  std::shared_ptr<Node> node = {};
  std::shared_ptr<const Mapping> mapping = {};
};

// The result of resolving a path: a directory, another node with its name in a directory, or a name that can be
// created.
struct Place {
  enum class Kind : std::uint8_t { directory, other, nothing };

  Kind kind = Kind::directory;
  Position position;                       // the directory, or the parent directory of the name
  Descriptor host = {};                    // the same directory on the host, if it is below the root of a mapping
  std::string name = {};                   // empty for a directory
  std::shared_ptr<Node> node = {};         // the node in the tree, if it is not a directory
  std::optional<struct stat> status = {};  // of the file on the host
  std::vector<std::string> missing = {};   // missing directories between position and name

  // The directory of `position` on the host, or -1 if it exists only in the tree.
  [[nodiscard]] auto host_directory() const -> int {
    if (host.is_open()) return host.get();
    return position.mapping ? position.mapping->directory() : -1;
  }
  [[nodiscard]] auto is_read_only() const -> bool { return position.mapping && position.mapping->is_read_only(); }
};

// Any thread can call any function, except place(), which must be called before the guest runs. A place describes the
// state at the time of the walk, so make() and remove() check it again. Directories of the tree are never removed.
class GuestTree {
 public:
  static constexpr std::size_t kMaxPath = 4096;           // in bytes, with the NUL
  static constexpr std::size_t kMaxGuestNodes = 1 << 16;  // limit for the nodes that a guest creates

  GuestTree() = default;
  GuestTree(const GuestTree&) = delete;
  auto operator=(const GuestTree&) -> GuestTree& = delete;
  ~GuestTree();

  [[nodiscard]] auto root() const HERMITAGE_LIFETIMEBOUND -> const std::shared_ptr<Node>& { return root_; }

  // Walks a path and follows the links in it. Follows a link at its end only if `follow` is set.
  [[nodiscard]] auto find(std::string_view path, bool follow) const -> FileResult<Place>;

  // Whether the place in the tree is still as find() found it.
  [[nodiscard]] auto is_current(const Place& place) const -> bool;

  struct Entry {
    std::string name;
    std::shared_ptr<Node> node;
  };
  // The node with this name in a directory, or null; and at most `count` entries with names after this one, in order.
  [[nodiscard]] auto entry(const Directory& directory, std::string_view name) const -> std::shared_ptr<Node>;
  [[nodiscard]] auto entries_behind(const Directory& directory, std::string_view name, std::size_t count) const
      -> std::vector<Entry>;

  // Adds a node to the tree for the monitor, and replaces an existing node. Makes missing parent directories. Two
  // directories are merged, but a mapped directory hides the existing one. At the root, only a mapped directory has an
  // effect.
  void place(std::string_view path, Node::What what);

  // Makes the node at a place outside mappings, with its missing parent directories, completely or not at all. ENOSPC
  // if the guest would exceed kMaxGuestNodes, EEXIST if the place is not current.
  [[nodiscard]] auto make(const Place& place, Node::What what) -> FileResult<std::shared_ptr<Node>>;
  // Whether make() would stay within the limit.
  [[nodiscard]] auto has_room_for(const Place& place) const -> bool;
  // Removes the name of a place from the tree. ENOENT if the place is not current.
  [[nodiscard]] auto remove(const Place& place) -> FileResult<void>;

 private:
  // Precondition of both: the caller holds the lock.
  [[nodiscard]] auto make_node(Node::What what, bool is_guests) -> std::shared_ptr<Node>;
  [[nodiscard]] auto has_room_for(std::size_t count) const -> bool { return count <= kMaxGuestNodes - guest_nodes_; }

  // Protects the entries of all directories, and the following members. No thread makes a system call while it holds
  // the lock, so a file system that does not answer blocks only the threads that use it.
  mutable std::mutex mutex_;
  std::uint64_t last_number_ = 0;
  std::size_t guest_nodes_ = 0;  // that the guest has created and not removed
  std::shared_ptr<Node> root_ = make_node(Directory{}, false);
};

// The components of a path, without empty ones and ".".
[[nodiscard]] auto components_of(std::string_view path) -> std::vector<std::string>;

}  // namespace hermitage::vmm
