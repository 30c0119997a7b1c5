// Builds a tree of files from the entries of an archive, in order, and checks the rules. Several archives can be layers
// of one tree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/image/archive.hpp"
#include "hermitage/image/image.hpp"

namespace hermitage::image {

struct Node {
  File file = {};
  std::uint64_t entry = 0;  // number of the entry that has the file's bytes, counted from 1; 0: none
  std::uint64_t layer = 0;  // that of the last entry for this path, and for a directory, of the last one in it
};

class Tree {
 public:
  using Nodes = std::map<std::string, Node, std::less<>>;

  explicit Tree(const Limits& limits) : limits_{limits} {}

  // Adds an entry, and returns its file; null for the root. If several entries have the same name, the last replaces
  // the others, with a warning. Missing parent directories are added.
  [[nodiscard]] auto add(const Entry& entry, std::vector<Problem>& warnings) -> std::expected<Node*, Problem>;

  // The following entries are those of the next layer of a container image. They replace those of lower layers without
  // a warning, also files by directories and the reverse; the files of a directory are merged.
  void begin_layer();

  // Adds an entry of a layer, like add(). An entry of any kind with the name ".wh.NAME" (a whiteout) removes NAME of
  // the lower layers, and ".wh..wh..opq" the contents of its directory in them. Neither concerns entries of the same
  // layer, before or after it. Other names with ".wh..wh." are ignored. Returns null for these. Mirrors
  // https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md#whiteouts.
  [[nodiscard]] auto add_of_layer(const Entry& entry, std::vector<Problem>& warnings) -> std::expected<Node*, Problem>;

  // By a normalized path.
  [[nodiscard]] auto find(std::string_view path) -> Node*;

  // Follows links.
  [[nodiscard]] auto resolve(std::string_view path) -> Node*;

  [[nodiscard]] auto nodes() -> Nodes& { return nodes_; }

 private:
  [[nodiscard]] auto count(const Entry& entry) -> std::expected<void, Problem>;
  [[nodiscard]] auto count_path(std::size_t size, const Entry& entry) -> std::expected<void, Problem>;
  [[nodiscard]] auto make_parents(const std::string& path, const Entry& entry) -> std::expected<void, Problem>;
  [[nodiscard]] auto remove(const Entry& whiteout, std::string_view directory, std::string_view name)
      -> std::expected<void, Problem>;
  void remove_lower(const std::string& path);
  void remove_lower_below(const std::string& path);
  [[nodiscard]] auto make_node(const std::string& path, const Entry& entry) -> std::expected<Node, Problem>;

  Limits limits_;
  Nodes nodes_;
  std::uint64_t layer_ = 0;
  // Of this layer: each is applied once, so the time for a layer is limited by the depth of its paths.
  std::set<std::string, std::less<>> whiteouts_;
  std::uint64_t entries_ = 0;
  std::uint64_t parents_ = 0;
  std::uint64_t size_ = 0;       // of all regular files
  std::uint64_t path_size_ = 0;  // of all paths and link targets
};

}  // namespace hermitage::image
