// A flattened device tree (Devicetree Specification 0.4, chapter 5), read in place. Accepts any bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "hermitage/entry/bytes.hpp"
#include "hermitage/loader/device_tree_format.hpp"
#include "hermitage/loader/device_tree_writer.hpp"
#include "hermitage/loader/physical_memory.hpp"

namespace hermitage::loader {

class DeviceTree {
 public:
  // An item of the iteration: the beginning of a node, a property, or the end of a node.
  enum class Kind : std::uint8_t { node, property, node_end };
  struct Item {
    Kind kind;
    std::size_t depth;      // of the node; 0 for the root
    std::string_view name;  // name of the node with its unit address, or name of the property
    entry::ByteView value;  // of the property

    // The property as a string, without the final NUL.
    [[nodiscard]] auto text() const noexcept -> std::string_view;
    // The property as a 32-bit or 64-bit number, by its size.
    [[nodiscard]] auto number() const noexcept -> std::optional<std::uint64_t>;
    // Whether a list of strings, such as `compatible`, contains this string.
    [[nodiscard]] auto lists(std::string_view text) const noexcept -> bool;
  };

  static constexpr std::size_t kHeaderSize = 40;

  // The size of the tree with this header of kHeaderSize bytes. Nothing if it is not a device tree.
  [[nodiscard]] static auto total_size(std::span<const std::byte> header) noexcept -> std::optional<std::size_t>;

  // `bytes` must contain the whole tree, and can contain more. Returns nothing if they are not a device tree, if its
  // version is not 17 or compatible with 17, or if a part of it is outside of its size.
  [[nodiscard]] static auto parse(std::span<const std::byte> bytes) noexcept -> std::optional<DeviceTree>;

  // Calls visit(const Item&) in order until it returns false, or until the tree is malformed. A property's name has
  // at most 255 bytes.
  template <class Visitor>
  void walk(Visitor&& visit) const {
    std::size_t at = 0;
    std::size_t depth = 0;
    while (const auto item = next(at, depth)) {
      if (!visit(*item)) return;
    }
  }

  // Calls visit(GuestRange) for each memory reservation.
  template <class Visitor>
  void for_each_reservation(Visitor&& visit) const {
    for (std::size_t at = 0; entry::range_fits(at, kReservationSize, reservations_.size()); at += kReservationSize) {
      const auto start = fdt::read<std::uint64_t>(reservations_, at);
      const auto size = fdt::read<std::uint64_t>(reservations_, at + 8);
      if (start == 0 && size == 0) return;
      if (const auto range = range_of(start, size)) visit(*range);
    }
  }

  [[nodiscard]] auto boot_cpu() const noexcept -> std::uint32_t { return boot_cpu_; }

 private:
  static constexpr std::size_t kReservationSize = 16;

  DeviceTree() = default;

  // Returns the item at `at`, and advances `at` to the next one.
  [[nodiscard]] auto next(std::size_t& at, std::size_t& depth) const noexcept -> std::optional<Item>;

  entry::ByteView structure_;
  entry::ByteView strings_;
  entry::ByteView reservations_;
  std::uint32_t boot_cpu_ = 0;
};

// Changes of a device tree for the kernel.
struct DeviceTreeEdit {
  std::string_view bootargs = {};
  std::optional<GuestRange> initrd = std::nullopt;  // an image without gzip; also becomes a reservation
  // All RAM, for a root with two cells for addresses and two for sizes. Without a value, the tree's own nodes remain.
  std::optional<std::span<const GuestRange>> ram = std::nullopt;
};

// Writes a copy of `tree` with these changes: bootargs and initrd in /chosen, and the /memory nodes. Omits boot
// modules, which include the image. Returns nothing if the buffer is too small. The buffer must begin at a multiple
// of 8.
[[nodiscard]] auto copy_device_tree(const DeviceTree& tree, const DeviceTreeEdit& edit,
                                    std::span<std::byte> buffer) noexcept -> std::optional<std::span<const std::byte>>;

}  // namespace hermitage::loader
