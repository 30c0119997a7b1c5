#include "hermitage/loader/platform/device_tree/boot_by_device_tree.hpp"

#include "hermitage/entry/boot_info.hpp"
#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/image/boot_image.hpp"
#include "hermitage/loader/log.hpp"

namespace hermitage::loader {
namespace {

// Kernels map themselves with pages of 2 MiB.
constexpr std::uint64_t kAlignment = 2 << 20;

// The device tree for the kernel: the original tree, or a copy if the kernel needs other values.
auto device_tree_for_kernel(const FlattenedTree& tree, std::string_view given_line, const BootImage& image,
                            Arena& arena) noexcept -> GuestRange {
  if (image.command_line == given_line && !image.archive) return tree.range;
  const auto room = allocate_or_fail(arena, arena.rest() / 2, 8, "the device tree");
  const DeviceTreeEdit edit{.bootargs = image.command_line, .initrd = image.archive};
  const auto copy = room_or_fail(copy_device_tree(tree.tree, edit, room), "the device tree");
  return {address_of(copy.data()), address_of(copy.data()) + copy.size()};
}

}  // namespace

auto tree_or_fail(const PhysicalMemory& memory, GuestAddress address) noexcept -> FlattenedTree {
  const auto header = memory.bytes(address.value, DeviceTree::kHeaderSize);
  const auto size = header ? DeviceTree::total_size(*header).value_or(0) : 0;
  const auto bytes = memory.bytes(address.value, size);
  const auto tree = bytes ? DeviceTree::parse(*bytes) : std::nullopt;
  if (!tree) fail(entry::Message{}.append("no device tree at ").append_hex(address.value));
  return {*tree, {address, address + size}};
}

auto boot_by_device_tree(const PhysicalMemory& memory, const FlattenedTree& tree, Handover& handover, GuestRange loader,
                         std::optional<std::uint64_t> serial_port, Arena& arena) noexcept -> DeviceTreeBoot {
  const auto command_line = take_command_line(handover, arena);
  log_start("a device tree", loader);
  LogLine{LogLevel::info}.text("Device tree: ").range(tree.range);
  log_handover(handover);
  check_image_or_fail(handover);
  reserve_or_fail(handover.memory, loader);
  reserve_or_fail(handover.memory, tree.range);

  const PlacementRules rules{.bounds = {loader.end, handover.memory.ram_end()}, .alignment = kAlignment};
  const auto [opened, image] = load_or_fail(memory, handover, command_line, rules, arena);
  const auto device_tree = device_tree_for_kernel(tree, handover.command_line, opened, arena);
  const entry::BootInfo boot_info{.hardware = {.phys_addr_range = handover.memory.ram().front(),
                                               .serial_port_base = serial_port,
                                               .device_tree = device_tree.start},
                                  .load = {.kernel_image = image.kernel.image, .tls = image.kernel.tls},
                                  .platform = entry::LinuxBootPlatform{}};
  return {.image = image,
          .device_tree = device_tree,
          .boot_info = place_boot_info(boot_info, image.object, arena),
          .stack = allocate_or_fail(arena, kBootStackSize, 4096, "the stack")};
}

}  // namespace hermitage::loader
