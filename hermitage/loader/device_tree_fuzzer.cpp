// Reads any bytes as a device tree, and copies it. The copy must be the same except for the changes.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "hermitage/loader/device_tree.hpp"
#include "hermitage/loader/platform/device_tree/read_device_tree.hpp"

namespace {

using hermitage::loader::DeviceTree;

// The number and the total size of the properties outside of /chosen.
auto measure(const DeviceTree& tree) -> std::pair<std::size_t, std::size_t> {
  std::size_t count = 0;
  std::size_t size = 0;
  bool in_chosen = false;
  tree.walk([&](const DeviceTree::Item& item) {
    if (item.kind == DeviceTree::Kind::node && item.depth == 1) in_chosen = item.name == "chosen";
    if (item.kind == DeviceTree::Kind::node_end && item.depth == 1) in_chosen = false;
    if (item.kind == DeviceTree::Kind::property && !in_chosen) {
      ++count;
      size += item.value.size() + item.name.size();
    }
    return true;
  });
  return {count, size};
}

}  // namespace

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using namespace hermitage::loader;
  const auto tree = DeviceTree::parse(std::as_bytes(std::span{data, size}));
  if (!tree) return 0;
  Handover handover;
  if (read_device_tree(*tree, handover) && handover.memory.ram().empty()) __builtin_trap();
  (void)find_device(*tree, "arm,pl011");
  std::vector<std::uint64_t> buffer(size + 1024);
  const auto copy = copy_device_tree(*tree, {.bootargs = "-- a", .initrd = GuestRange{{1}, {2}}},
                                     std::as_writable_bytes(std::span{buffer}));
  if (!copy) return 0;
  const auto again = DeviceTree::parse(*copy);
  if (!again || measure(*again) != measure(*tree)) __builtin_trap();
  return 0;
}
