#include "hermitage/loader/platform/device_tree/read_device_tree.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hermitage/entry/text.hpp"
#include "hermitage/loader/device_tree_format.hpp"

namespace hermitage::loader {
namespace {

using entry::ByteView;
using Item = DeviceTree::Item;
using Kind = DeviceTree::Kind;

// The number of 32-bit cells of an address and of a size in `reg`. A number has at most 64 bits, i.e. two cells.
struct Cells {
  std::size_t address = 2;  // the specification's default
  std::size_t size = 1;
};

auto read_cells(ByteView bytes, std::size_t at, std::size_t cells) noexcept -> std::uint64_t {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < cells; ++i) value = value << 32 | fdt::read<std::uint32_t>(bytes, at + 4 * i);
  return value;
}

// Calls visit(address, size) for each pair in a `reg` property.
template <class Visitor>
void for_each_range(ByteView reg, Cells cells, Visitor&& visit) {
  const auto pair = 4 * (cells.address + cells.size);
  if (pair == 0) return;
  for (std::size_t at = 0; entry::range_fits(at, pair, reg.size()); at += pair) {
    visit(read_cells(reg, at, cells.address), read_cells(reg, at + 4 * cells.address, cells.size));
  }
}

void set_cells(const Item& item, Cells& cells) noexcept {
  constexpr std::uint64_t kMost = 4;
  const auto number = item.number();
  if (!number || *number > kMost) return;
  if (item.name == "#address-cells") cells.address = static_cast<std::size_t>(*number);
  if (item.name == "#size-cells") cells.size = static_cast<std::size_t>(*number);
}

auto without_unit(std::string_view name) noexcept -> std::string_view {
  return name.substr(0, entry::index_of(name, '@'));
}

// The properties of /chosen that the iteration has found so far.
struct Chosen {
  std::optional<GuestRange> module;
  std::optional<std::uint64_t> initrd_start;
  std::optional<std::uint64_t> initrd_end;
};

void read_chosen(const Item& item, Chosen& chosen, Handover& handover) noexcept {
  if (item.name == "bootargs") {
    handover.command_line = item.text();
  } else if (item.name == "linux,initrd-start") {
    chosen.initrd_start = item.number();
  } else if (item.name == "linux,initrd-end") {
    chosen.initrd_end = item.number();
  }
}

}  // namespace

auto read_device_tree(const DeviceTree& tree, Handover& handover) noexcept -> Result<void> {
  Cells root_cells;
  Cells reserved_cells;
  Chosen chosen;
  std::string_view node;   // at depth 1, without its unit address
  std::string_view child;  // at depth 2
  bool is_noted = true;
  const auto add = [&](auto member, std::uint64_t start, std::uint64_t size) {
    const auto range = range_of(start, size);
    is_noted &= range && (handover.memory.*member)(*range);
  };

  tree.for_each_reservation([&](GuestRange range) { is_noted &= handover.memory.reserve(range); });
  tree.walk([&](const Item& item) {
    if (item.kind == Kind::node) {
      if (item.depth == 1) node = without_unit(item.name);
      if (item.depth == 2) child = item.name;
      if (item.depth == 1 && node == "reserved-memory") reserved_cells = root_cells;
    } else if (item.kind == Kind::property) {
      if (item.depth == 0) set_cells(item, root_cells);
      if (item.depth == 1 && node == "reserved-memory") set_cells(item, reserved_cells);
      if (item.depth == 1 && node == "chosen") read_chosen(item, chosen, handover);
      if (item.name != "reg") return true;
      if (item.depth == 1 && node == "memory") {
        for_each_range(item.value, root_cells,
                       [&](std::uint64_t start, std::uint64_t size) { add(&MemoryMap::add_ram, start, size); });
      } else if (item.depth == 2 && node == "reserved-memory") {
        for_each_range(item.value, reserved_cells,
                       [&](std::uint64_t start, std::uint64_t size) { add(&MemoryMap::reserve, start, size); });
      } else if (item.depth == 2 && node == "chosen" && child.starts_with("module@") && !chosen.module) {
        // Two 64-bit numbers, by the binding of multiboot,module.
        for_each_range(item.value, {.address = 2, .size = 2}, [&](std::uint64_t start, std::uint64_t size) {
          if (!chosen.module) chosen.module = range_of(start, size);
        });
      }
    }
    return true;
  });
  if (!is_noted) return failure("the device tree has too many memory ranges, or invalid ones");
  if (handover.memory.ram().empty()) return failure("the device tree describes no memory");

  if (chosen.module) {
    handover.image = chosen.module;
  } else if (chosen.initrd_start && chosen.initrd_end) {
    if (*chosen.initrd_end < *chosen.initrd_start) return failure("the initrd ends before its start");
    handover.image = GuestRange{{*chosen.initrd_start}, {*chosen.initrd_end}};
  }
  return {};
}

auto find_device(const DeviceTree& tree, std::string_view compatible) noexcept -> std::optional<GuestAddress> {
  std::string_view wanted;  // last part of the console's path
  std::string_view node;
  tree.walk([&](const Item& item) {
    if (item.kind == Kind::node && item.depth == 1) node = item.name;
    if (item.kind != Kind::property || node != "chosen" || item.name != "stdout-path") return true;
    wanted = item.text();
    wanted = wanted.substr(0, entry::index_of(wanted, ':'));
    for (auto slash = entry::index_of(wanted, '/'); slash < wanted.size(); slash = entry::index_of(wanted, '/')) {
      wanted.remove_prefix(slash + 1);
    }
    return false;
  });

  constexpr std::size_t kDeepest = 2;
  std::array<Cells, kDeepest + 1> cells;  // of the current nodes at each depth, for their children
  std::optional<GuestAddress> first;
  std::optional<GuestAddress> found;
  std::optional<GuestAddress> address;
  bool is_compatible = false;
  tree.walk([&](const Item& item) {
    if (item.depth > kDeepest) return true;
    if (item.kind == Kind::node) {
      cells[item.depth] = {};
      node = item.name;
      address.reset();
      is_compatible = false;
      return true;
    }
    if (item.kind == Kind::property) {
      set_cells(item, cells[item.depth]);
      if (item.name == "compatible") is_compatible = item.lists(compatible);
      if (item.name == "reg" && item.depth > 0) {
        for_each_range(item.value, cells[item.depth - 1], [&](std::uint64_t start, std::uint64_t /*size*/) {
          if (!address) address = GuestAddress{start};
        });
      }
    }
    // The properties can be in any order.
    if (is_compatible && address) {
      if (!first) first = address;
      if (node == wanted) found = address;
    }
    return !found;
  });
  return found ? found : first;
}

}  // namespace hermitage::loader
