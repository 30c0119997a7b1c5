#include "hermitage/loader/platform/device_tree/read_device_tree.hpp"

#include <array>

#include <gtest/gtest.h>

#include "hermitage/loader/device_tree_writer.hpp"

namespace hermitage::loader {
namespace {

// A tree with the nodes of QEMU's machines. `more` adds properties to /chosen.
template <class More>
auto read(Handover& handover, More&& more, std::span<const GuestRange> reservations = {}) -> Result<void> {
  static std::array<std::uint64_t, 512> buffer;
  DeviceTreeWriter writer{std::as_writable_bytes(std::span{buffer}), reservations};
  writer.begin_node("");
  writer.property_u32("#address-cells", 2);
  writer.property_u32("#size-cells", 2);
  writer.begin_node("reserved-memory");
  writer.property_u32("#address-cells", 1);
  writer.property_u32("#size-cells", 1);
  writer.begin_node("mmode_resv0", 0x80000000);
  writer.property_u64s("reg", {0x8000'0000'0008'0000});
  writer.end_node();
  writer.end_node();
  writer.begin_node("memory", 0x80000000);
  writer.property_u64s("reg", {0x80000000, 0x10000000, 0x100000000, 0x40000000});
  writer.end_node();
  writer.begin_node("chosen");
  more(writer);
  writer.end_node();
  writer.end_node();
  const auto tree = DeviceTree::parse(*writer.finish());
  return read_device_tree(*tree, handover);
}

TEST(ReadDeviceTree, ReadsMemoryAndReservations) {
  Handover handover;
  const GuestRange reservations[] = {{{0x81000000}, {0x81001000}}};
  ASSERT_TRUE(read(handover, [](DeviceTreeWriter&) {}, reservations));
  ASSERT_EQ(handover.memory.ram().size(), 2U);
  EXPECT_EQ(handover.memory.ram()[0], (GuestRange{{0x80000000}, {0x90000000}}));
  EXPECT_EQ(handover.memory.ram()[1], (GuestRange{{0x100000000}, {0x140000000}}));
  ASSERT_EQ(handover.memory.reserved().size(), 2U);
  EXPECT_EQ(handover.memory.reserved()[0], (GuestRange{{0x80000000}, {0x80080000}}));
  EXPECT_EQ(handover.memory.reserved()[1], reservations[0]);
  EXPECT_FALSE(handover.image);
}

TEST(ReadDeviceTree, FindsTheImageAsRamdisk) {
  Handover handover;
  ASSERT_TRUE(read(handover, [](DeviceTreeWriter& writer) {
    writer.property_text("bootargs", {"-- a"});
    writer.property_u32("linux,initrd-start", 0x88200000);
    writer.property_u64s("linux,initrd-end", {0x88201000});
  }));
  EXPECT_EQ(handover.image, (GuestRange{{0x88200000}, {0x88201000}}));
  EXPECT_EQ(handover.command_line, "-- a");
}

TEST(ReadDeviceTree, PrefersBootModules) {
  Handover handover;
  ASSERT_TRUE(read(handover, [](DeviceTreeWriter& writer) {
    writer.property_u32("linux,initrd-start", 0x88200000);
    writer.property_u32("linux,initrd-end", 0x88201000);
    writer.begin_node("module", 0x84000000);
    writer.property_u64s("reg", {0x84000000, 0x1234});
    writer.end_node();
    writer.begin_node("module", 0x85000000);
    writer.property_u64s("reg", {0x85000000, 0x1234});
    writer.end_node();
  }));
  EXPECT_EQ(handover.image, (GuestRange{{0x84000000}, {0x84001234}}));
}

TEST(ReadDeviceTree, RefusesWhatIsWrong) {
  Handover handover;
  EXPECT_FALSE(read(handover, [](DeviceTreeWriter& writer) {
    writer.property_u32("linux,initrd-start", 2);
    writer.property_u32("linux,initrd-end", 1);
  }));
  std::array<std::uint64_t, 64> buffer;
  DeviceTreeWriter writer{std::as_writable_bytes(std::span{buffer})};
  writer.begin_node("");
  writer.end_node();
  Handover empty;
  EXPECT_FALSE(read_device_tree(*DeviceTree::parse(*writer.finish()), empty));
}

TEST(FindDevice, FindsItByWhatItIsCompatibleWith) {
  std::array<std::uint64_t, 512> buffer;
  DeviceTreeWriter writer{std::as_writable_bytes(std::span{buffer})};
  writer.begin_node("");
  writer.property_u32("#address-cells", 2);
  writer.property_u32("#size-cells", 2);
  for (const std::uint64_t address : {0x9000000U, 0x9040000U}) {
    writer.begin_node("pl011", address);
    writer.property_text("compatible", {"arm,pl011\0arm,primecell", ""});
    writer.property_u64s("reg", {address, 0x1000});
    writer.end_node();
  }
  writer.begin_node("chosen");
  writer.property_text("stdout-path", {"/pl011@9040000:115200n8"});
  writer.end_node();
  writer.begin_node("soc");
  writer.property_u32("#address-cells", 1);
  writer.property_u32("#size-cells", 1);
  writer.begin_node("test", 0x100000);
  writer.property_u64s("reg", {0x0010'0000'0000'1000});
  writer.property_text("compatible", {"sifive,test0"});
  writer.end_node();
  writer.end_node();
  writer.end_node();
  const auto tree = DeviceTree::parse(*writer.finish());
  ASSERT_TRUE(tree);
  EXPECT_EQ(find_device(*tree, "arm,pl011"), GuestAddress{0x9040000});
  EXPECT_EQ(find_device(*tree, "sifive,test0"), GuestAddress{0x100000});
  EXPECT_EQ(find_device(*tree, "ns16550a"), std::nullopt);
}

}  // namespace
}  // namespace hermitage::loader
