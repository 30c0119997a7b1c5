// Reads a flattened device tree (Devicetree Specification 0.4, chapter 5), as far as guests need it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/entry/bytes.hpp"

namespace guest {

class DeviceTree {
 public:
  // One step of a walk through the tree: a node begins, has a property, or ends.
  enum class Kind : std::uint8_t { node, property, node_end };
  struct Item {
    Kind kind;
    std::size_t depth;      // of the node; the root has 0
    std::string_view name;  // of the node or property
    hermitage::entry::ByteView value;

    // A property as a text, without the NUL at its end.
    [[nodiscard]] auto text() const -> std::string_view;
  };

  // The tree in the boot info; nothing when there is none, or something else is there.
  [[nodiscard]] static auto of_boot_info() -> std::optional<DeviceTree>;

  // Calls visit(const Item&) in order until it returns false.
  template <class Visitor>
  void walk(Visitor&& visit) const {
    std::size_t at = 0;
    std::size_t depth = 0;
    while (const auto item = next(at, depth)) {
      if (!visit(*item)) return;
    }
  }

  // The property of a node directly below the root, such as "bootargs" of "chosen".
  [[nodiscard]] auto property(std::string_view node, std::string_view name) const -> std::optional<Item>;

 private:
  DeviceTree(hermitage::entry::ByteView structure, hermitage::entry::ByteView strings)
      : structure_{structure}, strings_{strings} {}

  // The item at `at`, which goes on to the next, as does the depth; nothing at the end or at something that is no item.
  [[nodiscard]] auto next(std::size_t& at, std::size_t& depth) const -> std::optional<Item>;

  hermitage::entry::ByteView structure_;
  hermitage::entry::ByteView strings_;
};

}  // namespace guest
