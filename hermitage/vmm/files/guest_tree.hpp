// The tree of names that a guest sees, and the way along a path through it: inside GuestFiles.
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
  std::map<std::string, std::shared_ptr<Node>, std::less<>> entries = {};  // guarded by the tree's lock
  std::shared_ptr<const Mapping> mapping = {};  // the host's directory, over which the entries lie; may be nothing
};
struct ImageFile {
  std::span<const std::byte> content;
  std::uint32_t mode = 0;
  std::shared_ptr<const std::byte[]> owner = {};
};
struct Link {
  std::string target;
};

// But for the entries of a directory, nothing of a node changes once it is in the tree.
struct Node {
  using What = std::variant<Directory, ImageFile, Link, std::shared_ptr<TemporaryFile>, std::shared_ptr<HostFile>>;

  What what;
  std::uint64_t number = 0;  // st_ino
  bool is_guests = false;    // made by the guest

  [[nodiscard]] auto directory() -> Directory* { return std::get_if<Directory>(&what); }
  [[nodiscard]] auto directory() const -> const Directory* { return std::get_if<Directory>(&what); }
};

// A directory: of the tree, of the host's below a mapping, or both, where something is mapped below a mapped one.
struct Position {
  std::shared_ptr<Node> node = {};
  std::shared_ptr<const Mapping> mapping = {};
};

// Where a path leads: to a directory; to something else in one, by its name there; or to nothing, by a name that could
// be made.
struct Place {
  enum class Kind : std::uint8_t { directory, other, nothing };

  Kind kind = Kind::directory;
  Position position;                       // the directory, or the one that has the name
  Descriptor host = {};                    // the same on the host, when it is below a mapping's root
  std::string name = {};                   // empty for a directory
  std::shared_ptr<Node> node = {};         // what of the tree's it is, when it is not a directory
  std::optional<struct stat> status = {};  // what of the host's it is
  std::vector<std::string> missing = {};   // directories between position and name that are not there

  // The directory of `position` on the host; -1 where it is of the tree only.
  [[nodiscard]] auto host_directory() const -> int {
    if (host.is_open()) return host.get();
    return position.mapping ? position.mapping->directory() : -1;
  }
  [[nodiscard]] auto is_read_only() const -> bool { return position.mapping && position.mapping->is_read_only(); }
};

// Every function may be called from any thread, except place(), which comes before the guest runs. A place says what
// was there when the walk came by: make() and remove() look again. Directories of the tree are never removed.
class GuestTree {
 public:
  static constexpr std::size_t kMaxPath = 4096;           // bytes, with the NUL
  static constexpr std::size_t kMaxGuestNodes = 1 << 16;  // what a guest may make

  GuestTree() = default;
  GuestTree(const GuestTree&) = delete;
  auto operator=(const GuestTree&) -> GuestTree& = delete;
  ~GuestTree();

  [[nodiscard]] auto root() const -> const std::shared_ptr<Node>& { return root_; }

  // Walks a path, and through the links on it; through one at its end only if `follow`.
  [[nodiscard]] auto find(std::string_view path, bool follow) const -> FileResult<Place>;

  // Whether the tree still has at a place what the walk found there.
  [[nodiscard]] auto is_current(const Place& place) const -> bool;

  struct Entry {
    std::string name;
    std::shared_ptr<Node> node;
  };
  // Of a directory: what has this name, or nothing; and up to `count` entries with names behind this one, in order.
  [[nodiscard]] auto entry(const Directory& directory, std::string_view name) const -> std::shared_ptr<Node>;
  [[nodiscard]] auto entries_behind(const Directory& directory, std::string_view name, std::size_t count) const
      -> std::vector<Entry>;

  // Puts something into the tree from outside, over what is there; directories above are made. Two directories become
  // one, but a mapped one hides what was there.
  void place(std::string_view path, Node::What what);

  // Makes what a place outside of mappings names, with the directories that are missing there; all of it or nothing.
  // ENOSPC when the guest would have made more than kMaxGuestNodes, EEXIST when the place is not current.
  [[nodiscard]] auto make(const Place& place, Node::What what) -> FileResult<std::shared_ptr<Node>>;
  // Whether make() would find the limit kept.
  [[nodiscard]] auto has_room_for(const Place& place) const -> bool;
  // Takes the name of a place out of the tree. ENOENT when the place is not current.
  [[nodiscard]] auto remove(const Place& place) -> FileResult<void>;

 private:
  // Precondition of both: the caller holds the lock.
  [[nodiscard]] auto make_node(Node::What what, bool is_guests) -> std::shared_ptr<Node>;
  [[nodiscard]] auto has_room_for(std::size_t count) const -> bool { return count <= kMaxGuestNodes - guest_nodes_; }

  // Guards the entries of all directories, and what follows. Nobody makes a system call while it is held, so that a
  // file system that does not answer stops only those who ask it.
  mutable std::mutex mutex_;
  std::uint64_t last_number_ = 0;
  std::size_t guest_nodes_ = 0;  // which the guest has made, and not removed
  std::shared_ptr<Node> root_ = make_node(Directory{}, false);
};

// The components of a path, without the empty ones and ".".
[[nodiscard]] auto components_of(std::string_view path) -> std::vector<std::string>;

}  // namespace hermitage::vmm
