#include "guests/runtime/device_tree.hpp"

#include "guests/runtime/guest.hpp"

namespace guest {
namespace {

using entry::ByteView;

constexpr std::uint32_t kMagic = 0xd00dfeed;
constexpr std::size_t kHeaderSize = 40;
constexpr std::uint32_t kBeginNode = 1;
constexpr std::uint32_t kEndNode = 2;
constexpr std::uint32_t kProperty = 3;
constexpr std::uint32_t kNop = 4;

// The string up to the first NUL or the end.
auto text_at(ByteView bytes, std::size_t offset) -> std::string_view {
  const auto rest = bytes.clamped_slice(offset, bytes.size()).text();
  return rest.substr(0, entry::index_of(rest, '\0'));
}

constexpr auto align_up(std::size_t size) -> std::size_t {
  return (size + 3) / 4 * 4;
}

}  // namespace

auto DeviceTree::Item::text() const -> std::string_view {
  const auto all = value.text();
  return all.substr(0, entry::index_of(all, '\0'));
}

auto DeviceTree::of_boot_info() -> std::optional<DeviceTree> {
  const auto* at = reinterpret_cast<const std::byte*>(boot_info().device_tree);
  if (at == nullptr) return std::nullopt;
  const ByteView header{{at, kHeaderSize}, entry::Endian::big};
  if (header.get<std::uint32_t>(0) != kMagic) return std::nullopt;
  const ByteView all{{at, header.get<std::uint32_t>(4)}, entry::Endian::big};
  const auto structure = all.slice(header.get<std::uint32_t>(8), header.get<std::uint32_t>(36));
  const auto strings = all.slice(header.get<std::uint32_t>(12), header.get<std::uint32_t>(32));
  if (!structure || !strings) return std::nullopt;
  return DeviceTree{*structure, *strings};
}

auto DeviceTree::next(std::size_t& at, std::size_t& depth) const -> std::optional<Item> {
  while (at + 4 <= structure_.size()) {
    const auto token = structure_.get<std::uint32_t>(at);
    at += 4;
    if (token == kNop) continue;
    if (token == kBeginNode) {
      const auto name = text_at(structure_, at);
      at += align_up(name.size() + 1);
      return Item{.kind = Kind::node, .depth = depth++, .name = name, .value = {}};
    }
    if (depth == 0) return std::nullopt;
    if (token == kEndNode) return Item{.kind = Kind::node_end, .depth = --depth, .name = {}, .value = {}};
    if (token != kProperty || at + 8 > structure_.size()) return std::nullopt;
    const auto size = structure_.get<std::uint32_t>(at);
    const auto name = text_at(strings_, structure_.get<std::uint32_t>(at + 4));
    const auto value = structure_.slice(at + 8, size);
    if (!value) return std::nullopt;
    at += 8 + align_up(size);
    return Item{.kind = Kind::property, .depth = depth - 1, .name = name, .value = *value};
  }
  return std::nullopt;
}

auto DeviceTree::property(std::string_view node, std::string_view name) const -> std::optional<Item> {
  std::optional<Item> found;
  bool inside = false;
  walk([&](const Item& item) {
    if (item.kind == Kind::node && item.depth == 1) inside = item.name == node;
    if (inside && item.kind == Kind::property && item.depth == 1 && item.name == name) found = item;
    return !found;
  });
  return found;
}

}  // namespace guest
