#include "hermitage/loader/arch/x86_64/pc_device_tree.hpp"

#include <cstddef>

#include "hermitage/loader/boot.hpp"
#include "hermitage/loader/device_tree_writer.hpp"
#include "hermitage/loader/log.hpp"

namespace hermitage::loader {

auto write_pc_device_tree(const PcDeviceTree& tree, Arena& arena) noexcept -> GuestAddress {
  constexpr std::size_t kRoomForRange = 112;
  const auto size = 2048 + 2 * tree.command_line.size() + tree.ram.size() * kRoomForRange;
  const auto reservations = tree.archive ? std::span{&*tree.archive, 1} : std::span<const GuestRange>{};
  DeviceTreeWriter writer{allocate_or_fail(arena, size, 8, "the device tree"), reservations};
  const auto pointer = [&](std::string_view name, std::optional<GuestAddress> address) {
    if (!address) return;
    writer.begin_node(name, address->value);
    writer.property_u64s("reg", {address->value, 1});
    writer.end_node();
  };
  writer.begin_node("");
  writer.property_text("compatible", {tree.platform});
  writer.property_u32("#address-cells", 2);
  writer.property_u32("#size-cells", 2);
  pointer("hermit,rsdp", tree.rsdp);
  pointer("hermit,efi_sev_snp_cc_blob", tree.confidential_computing_blob);
  for (const auto range : tree.ram) write_memory_node(writer, range);
  writer.begin_node("chosen");
  writer.property_text("bootargs", {tree.command_line});
  write_initrd(writer, tree.archive);
  writer.end_node();
  writer.end_node();
  const auto flattened = room_or_fail(writer.finish(), "the device tree");
  LogLine{LogLevel::info}
      .text("Device tree: ")
      .address(address_of(flattened.data()))
      .text(", ")
      .decimal(flattened.size())
      .text(" bytes");
  return address_of(flattened.data());
}

}  // namespace hermitage::loader
