// Reads the parts of a flattened device tree (Devicetree Specification 0.4, chapter 5) that guests need.
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
  // An item of the iteration: the beginning of a node, a property, or the end of a node.
  enum class Kind : std::uint8_t { node, property, node_end };
  struct Item {
    Kind kind;
    std::size_t depth;      // of the node; 0 for the root
    std::string_view name;  // of the node or property
    hermitage::entry::ByteView value;

    // The property as a string, without the final NUL.
    [[nodiscard]] auto text() const -> std::string_view;
  };

  // The device tree in the boot info. Nothing if the boot info has no valid device tree.
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

  // Returns the item at `at`, and advances `at` and `depth` to the next one. Returns nothing at the end or at an
  // invalid item.
  [[nodiscard]] auto next(std::size_t& at, std::size_t& depth) const -> std::optional<Item>;

  hermitage::entry::ByteView structure_;
  hermitage::entry::ByteView strings_;
};

}  // namespace guest
