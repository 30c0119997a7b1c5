// A flattened device tree (Devicetree Specification 0.4, chapter 5), read in place. Its bytes may be any.
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
  // One step of a walk: a node begins, has a property, or ends.
  enum class Kind : std::uint8_t { node, property, node_end };
  struct Item {
    Kind kind;
    std::size_t depth;      // of the node; the root has 0
    std::string_view name;  // of the node, with its unit address, or of the property
    entry::ByteView value;  // of the property

    // A property as a text, without the NUL at its end.
    [[nodiscard]] auto text() const noexcept -> std::string_view;
    // A property as a number of 32 or 64 bits, by its size.
    [[nodiscard]] auto number() const noexcept -> std::optional<std::uint64_t>;
    // Whether a text is among those of a list, such as `compatible`.
    [[nodiscard]] auto lists(std::string_view text) const noexcept -> bool;
  };

  static constexpr std::size_t kHeaderSize = 40;

  // How large the tree is that begins with these kHeaderSize bytes; nothing when it is none.
  [[nodiscard]] static auto total_size(std::span<const std::byte> header) noexcept -> std::optional<std::size_t>;

  // `bytes` are the whole of the tree, or more. Nothing when it is none, its version is not 17 or compatible with that,
  // or a part of it is not within it.
  [[nodiscard]] static auto parse(std::span<const std::byte> bytes) noexcept -> std::optional<DeviceTree>;

  // Calls visit(const Item&) in order until it returns false, or the tree does not go on as trees do. A property's name
  // has at most 255 bytes.
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

  // The item at `at`, which then is where the next one is.
  [[nodiscard]] auto next(std::size_t& at, std::size_t& depth) const noexcept -> std::optional<Item>;

  entry::ByteView structure_;
  entry::ByteView strings_;
  entry::ByteView reservations_;
  std::uint32_t boot_cpu_ = 0;
};

// What a kernel is told that whoever made the tree did not say.
struct DeviceTreeEdit {
  std::string_view bootargs = {};
  std::optional<GuestRange> initrd = std::nullopt;  // a packed image without gzip, which is reserved, too
  // All RAM there is, for a root with two cells for addresses and two for sizes; the tree's own nodes unless given.
  std::optional<std::span<const GuestRange>> ram = std::nullopt;
};

// A copy of `tree`: in /chosen, bootargs and initrd are those given, and boot modules, among which the image was, are
// left out; /memory nodes are those given. Nothing when the buffer is too small for it. The buffer begins at a multiple
// of 8.
[[nodiscard]] auto copy_device_tree(const DeviceTree& tree, const DeviceTreeEdit& edit,
                                    std::span<std::byte> buffer) noexcept -> std::optional<std::span<const std::byte>>;

}  // namespace hermitage::loader
