// Builds a tree of files from the entries of an archive, in order, and checks the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/image/archive.hpp"
#include "hermitage/image/image.hpp"

namespace hermitage::image {

struct Node {
  File file = {};
  std::uint64_t entry = 0;  // number of the entry that has the file's bytes, counted from 1; 0: none
};

class Tree {
 public:
  using Nodes = std::map<std::string, Node, std::less<>>;

  explicit Tree(const Limits& limits) : limits_{limits} {}

  // Adds an entry, and returns its file; null for the root. If several entries have the same name, the last replaces
  // the others, with a warning. Missing parent directories are added.
  [[nodiscard]] auto add(const Entry& entry, std::vector<Problem>& warnings) -> std::expected<Node*, Problem>;

  // By a normalized path.
  [[nodiscard]] auto find(std::string_view path) -> Node*;

  // Follows links.
  [[nodiscard]] auto resolve(std::string_view path) -> Node*;

  [[nodiscard]] auto nodes() -> Nodes& { return nodes_; }

 private:
  [[nodiscard]] auto count(const Entry& entry) -> std::expected<void, Problem>;
  [[nodiscard]] auto count_path(std::size_t size, const Entry& entry) -> std::expected<void, Problem>;
  [[nodiscard]] auto make_parents(const std::string& path, const Entry& entry) -> std::expected<void, Problem>;
  [[nodiscard]] auto make_node(const std::string& path, const Entry& entry) -> std::expected<Node, Problem>;

  Limits limits_;
  Nodes nodes_;
  std::uint64_t entries_ = 0;
  std::uint64_t parents_ = 0;
  std::uint64_t size_ = 0;       // of all regular files
  std::uint64_t path_size_ = 0;  // of all paths and link targets
};

}  // namespace hermitage::image
