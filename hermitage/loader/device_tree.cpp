#include "hermitage/loader/device_tree.hpp"

#include <array>

#include "hermitage/entry/text.hpp"
#include "hermitage/loader/device_tree_format.hpp"

namespace hermitage::loader {
namespace {

using entry::ByteView;
using entry::Endian;

constexpr std::uint32_t kVersion = 17;

// The largest size of a property's name in bytes. The specification permits 31; some trees have longer names. The
// limit is necessary because all properties can have the same long name, which is read for each.
constexpr std::size_t kMaxPropertyName = 255;

constexpr auto align_up(std::size_t size) noexcept -> std::size_t {
  return (size + 3) / 4 * 4;
}

}  // namespace

auto DeviceTree::Item::text() const noexcept -> std::string_view {
  const auto all = value.text();
  return all.substr(0, entry::index_of(all, '\0'));
}

auto DeviceTree::Item::number() const noexcept -> std::optional<std::uint64_t> {
  if (value.size() == sizeof(std::uint32_t)) return fdt::read<std::uint32_t>(value, 0);
  if (value.size() == sizeof(std::uint64_t)) return fdt::read<std::uint64_t>(value, 0);
  return std::nullopt;
}

auto DeviceTree::Item::lists(std::string_view text) const noexcept -> bool {
  auto rest = value.text();
  while (!rest.empty()) {
    const auto size = entry::index_of(rest, '\0');
    if (rest.substr(0, size) == text) return true;
    rest.remove_prefix(size < rest.size() ? size + 1 : size);
  }
  return false;
}

auto DeviceTree::total_size(std::span<const std::byte> header) noexcept -> std::optional<std::size_t> {
  const ByteView view{header, Endian::big};
  if (header.size() < fdt::kHeaderSize || fdt::read<std::uint32_t>(view, fdt::kMagicAt) != fdt::kMagic)
    return std::nullopt;
  return fdt::read<std::uint32_t>(view, fdt::kTotalSizeAt);
}

auto DeviceTree::parse(std::span<const std::byte> bytes) noexcept -> std::optional<DeviceTree> {
  const auto size = total_size(bytes);
  if (!size || *size < fdt::kHeaderSize || *size > bytes.size()) return std::nullopt;
  const ByteView all{bytes.first(*size), Endian::big};
  const auto field = [&](std::size_t at) { return fdt::read<std::uint32_t>(all, at); };
  if (field(fdt::kVersionAt) < kVersion || field(fdt::kLastCompatibleVersionAt) > kVersion) return std::nullopt;
  const auto structure = all.slice(field(fdt::kStructureAt), field(fdt::kStructureSizeAt));
  const auto strings = all.slice(field(fdt::kStringsAt), field(fdt::kStringsSizeAt));
  if (!structure || !strings) return std::nullopt;
  DeviceTree tree;
  tree.structure_ = *structure;
  tree.strings_ = *strings;
  tree.reservations_ = all.clamped_slice(field(fdt::kReservationsAt), all.size());
  tree.boot_cpu_ = field(fdt::kBootCpuAt);
  return tree;
}

auto DeviceTree::next(std::size_t& at, std::size_t& depth) const noexcept -> std::optional<Item> {
  // The text ends at the first NUL, at the end of the bytes, or after `most` bytes.
  const auto text_at = [](ByteView bytes, std::size_t offset, std::size_t most) {
    const auto rest = bytes.clamped_slice(offset, most).text();
    return rest.substr(0, entry::index_of(rest, '\0'));
  };
  while (entry::range_fits(at, sizeof(std::uint32_t), structure_.size())) {
    const auto token = fdt::read<std::uint32_t>(structure_, at);
    at += sizeof token;
    if (token == fdt::kNop) continue;
    if (token == fdt::kBeginNode) {
      const auto name = text_at(structure_, at, structure_.size());
      at += align_up(name.size() + 1);
      return Item{.kind = Kind::node, .depth = depth++, .name = name, .value = {}};
    }
    if (depth == 0) return std::nullopt;
    if (token == fdt::kEndNode) return Item{.kind = Kind::node_end, .depth = --depth, .name = {}, .value = {}};
    if (token != fdt::kProperty || !entry::range_fits(at, 8, structure_.size())) return std::nullopt;
    const auto size = fdt::read<std::uint32_t>(structure_, at);
    const auto name = text_at(strings_, fdt::read<std::uint32_t>(structure_, at + 4), kMaxPropertyName + 1);
    const auto value = structure_.slice(at + 8, size);
    if (!value || name.size() > kMaxPropertyName) return std::nullopt;
    at += 8 + align_up(size);
    return Item{.kind = Kind::property, .depth = depth - 1, .name = name, .value = *value};
  }
  return std::nullopt;
}

auto copy_device_tree(const DeviceTree& tree, const DeviceTreeEdit& edit, std::span<std::byte> buffer) noexcept
    -> std::optional<std::span<const std::byte>> {
  constexpr std::size_t kMostReservations = 64;
  std::array<GuestRange, kMostReservations> reservations;
  std::size_t count = 0;
  bool is_whole = true;
  const auto reserve = [&](GuestRange range) {
    if (count == reservations.size()) {
      is_whole = false;
    } else {
      reservations[count++] = range;
    }
  };
  tree.for_each_reservation(reserve);
  if (edit.initrd) reserve(*edit.initrd);

  DeviceTreeWriter writer{buffer, std::span{reservations}.first(count)};
  const auto write_chosen = [&] {
    writer.property_text("bootargs", {edit.bootargs});
    write_initrd(writer, edit.initrd);
  };
  const auto write_memory = [&] {
    if (!edit.ram) return;
    for (const auto range : *edit.ram) write_memory_node(writer, range);
  };
  const auto is_replaced = [](std::string_view name) {
    return name == "bootargs" || name == "linux,initrd-start" || name == "linux,initrd-end";
  };

  bool has_chosen = false;
  bool in_chosen = false;
  std::size_t depth_left_out = 0;  // depth of the omitted node that contains the current item; 0: none
  const auto is_left_out = [&](const DeviceTree::Item& node) {
    if (node.depth == 1) return edit.ram && (node.name == "memory" || node.name.starts_with("memory@"));
    return in_chosen && node.name.starts_with("module@");
  };
  tree.walk([&](const DeviceTree::Item& item) {
    if (depth_left_out != 0) {
      if (item.kind == DeviceTree::Kind::node_end && item.depth == depth_left_out) depth_left_out = 0;
      return true;
    }
    switch (item.kind) {
      case DeviceTree::Kind::node:
        if (is_left_out(item)) {
          depth_left_out = item.depth;
          break;
        }
        writer.begin_node(item.name);
        if (item.depth == 1 && item.name == "chosen") {
          has_chosen = true;
          in_chosen = true;
          write_chosen();
        }
        break;
      case DeviceTree::Kind::property:
        if (!in_chosen || item.depth != 1 || !is_replaced(item.name)) writer.property(item.name, item.value.bytes());
        break;
      case DeviceTree::Kind::node_end:
        if (item.depth == 1) in_chosen = false;
        if (item.depth == 0) {
          if (!has_chosen) {
            writer.begin_node("chosen");
            write_chosen();
            writer.end_node();
          }
          write_memory();
        }
        writer.end_node();
        break;
    }
    return true;
  });
  if (!is_whole) return std::nullopt;
  return writer.finish(tree.boot_cpu());
}

}  // namespace hermitage::loader
