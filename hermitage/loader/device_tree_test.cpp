#include "hermitage/loader/device_tree.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>
extern "C" {
#include <libfdt.h>
}

#include "hermitage/loader/device_tree_writer.hpp"
#include "testing/duration.hpp"

namespace hermitage::loader {
namespace {

using Bytes = std::vector<std::byte>;
using namespace std::literals;

// Makes trees with libfdt, the library of QEMU.
class Maker {
 public:
  static constexpr int kSize = 8192;

  Maker() : bytes_(kSize) { check(fdt_create_empty_tree(bytes_.data(), kSize)); }

  auto node(const char* parent, const char* name) -> Maker& {
    check(fdt_add_subnode(bytes_.data(), offset(parent), name));
    return *this;
  }
  auto text(const char* node, const char* name, const char* value) -> Maker& {
    check(fdt_setprop(bytes_.data(), offset(node), name, value, static_cast<int>(std::strlen(value) + 1)));
    return *this;
  }
  auto cells(const char* node, const char* name, const std::vector<std::uint32_t>& values) -> Maker& {
    check(fdt_setprop(bytes_.data(), offset(node), name, nullptr, 0));
    for (const auto value : values) check(fdt_appendprop_u32(bytes_.data(), offset(node), name, value));
    return *this;
  }
  auto reserve(std::uint64_t address, std::uint64_t size) -> Maker& {
    check(fdt_add_mem_rsv(bytes_.data(), address, size));
    return *this;
  }
  auto bytes() -> Bytes {
    check(fdt_pack(bytes_.data()));
    return {bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(fdt_totalsize(bytes_.data()))};
  }

 private:
  static void check(int result) {
    if (result < 0) throw std::runtime_error{fdt_strerror(result)};
  }
  auto offset(const char* path) -> int {
    const int result = fdt_path_offset(bytes_.data(), path);
    check(result);
    return result;
  }

  Bytes bytes_;
};

auto property(std::span<const std::byte> tree, const char* path, const char* name) -> std::string {
  const int node = fdt_path_offset(tree.data(), path);
  int size = 0;
  const void* const value = node < 0 ? nullptr : fdt_getprop(tree.data(), node, name, &size);
  if (value == nullptr) return "(none)";
  return {static_cast<const char*>(value), static_cast<std::size_t>(size)};
}

auto described(const DeviceTree& tree) -> std::string {
  std::string text;
  tree.walk([&](const DeviceTree::Item& item) {
    text += std::string(item.depth, ' ');
    if (item.kind == DeviceTree::Kind::node) text += "{" + std::string{item.name};
    if (item.kind == DeviceTree::Kind::property)
      text += std::string{item.name} + "=" + std::to_string(item.value.size());
    if (item.kind == DeviceTree::Kind::node_end) text += "}";
    text += ";";
    return true;
  });
  return text;
}

TEST(DeviceTreeWriter, WritesWhatLibfdtReads) {
  alignas(8) std::array<std::byte, 4096> buffer;
  const GuestRange reserved[] = {{{0x1000}, {0x3000}}};
  DeviceTreeWriter writer{buffer, reserved};
  writer.begin_node("");
  writer.property_text("compatible", {"hermit,", "uefi"});
  writer.property_u32("#address-cells", 2);
  writer.begin_node("memory", 0x100000);
  writer.property_text("device_type", {"memory"});
  writer.property_u64s("reg", {0x100000, 0x7ee0000});
  writer.end_node();
  writer.begin_node("chosen");
  writer.property_text("bootargs", {"-- a"});
  writer.property_text("compatible", {""});
  writer.end_node();
  writer.end_node();
  const auto tree = writer.finish(3);
  ASSERT_TRUE(tree);
  ASSERT_EQ(fdt_check_full(tree->data(), tree->size()), 0);
  EXPECT_EQ(property(*tree, "/", "compatible"), "hermit,uefi\0"s);
  EXPECT_EQ(property(*tree, "/", "#address-cells"), "\0\0\0\2"s);
  EXPECT_EQ(property(*tree, "/memory@100000", "reg"), "\0\0\0\0\0\x10\0\0\0\0\0\0\x07\xee\0\0"s);
  EXPECT_EQ(property(*tree, "/chosen", "bootargs"), "-- a\0"s);
  EXPECT_EQ(property(*tree, "/chosen", "compatible"), "\0"s);
  EXPECT_EQ(fdt_boot_cpuid_phys(tree->data()), 3U);
  EXPECT_EQ(fdt_num_mem_rsv(tree->data()), 1);
  // Names that are used twice are stored once.
  EXPECT_EQ(fdt_size_dt_strings(tree->data()), "compatible.#address-cells.device_type.reg.bootargs."sv.size());
}

TEST(DeviceTreeWriter, TakesTextsThatAreNowhere) {
  alignas(8) std::array<std::byte, 512> buffer;
  DeviceTreeWriter writer{buffer};
  writer.begin_node({});
  writer.property_text("bootargs", {std::string_view{}});
  writer.property("", {});
  writer.property({}, {});
  writer.end_node();
  const auto tree = writer.finish();
  ASSERT_TRUE(tree);
  EXPECT_EQ(property(*tree, "/", "bootargs"), "\0"s);
  EXPECT_EQ(property(*tree, "/", ""), ""s);
}

TEST(DeviceTreeWriter, SaysWhenTheBufferIsTooSmall) {
  bool did_fit = false;
  for (std::size_t size = 0; size < 512; ++size) {
    std::vector<std::uint64_t> buffer(size / 8 + 1);
    const auto bytes = std::as_writable_bytes(std::span{buffer}).first(size);
    DeviceTreeWriter writer{bytes};
    writer.begin_node("");
    writer.property_text("bootargs", {std::string(100, 'x')});
    writer.end_node();
    const auto tree = writer.finish();
    if (tree) {
      EXPECT_EQ(fdt_check_full(tree->data(), tree->size()), 0);
      EXPECT_LE(tree->size(), size);
    }
    EXPECT_FALSE(did_fit && !tree) << size;
    did_fit = tree.has_value();
  }
  EXPECT_TRUE(did_fit);
}

TEST(DeviceTree, WalksWhatLibfdtMakes) {
  const auto bytes =
      Maker{}.node("/", "chosen").text("/chosen", "bootargs", "abc").node("/chosen", "x@1").reserve(1, 2).bytes();
  ASSERT_EQ(DeviceTree::total_size(bytes), bytes.size());
  const auto tree = DeviceTree::parse(bytes);
  ASSERT_TRUE(tree);
  EXPECT_EQ(described(*tree), "{; {chosen; bootargs=4;  {x@1;  }; };};");
  std::vector<GuestRange> reservations;
  tree->for_each_reservation([&](GuestRange range) { reservations.push_back(range); });
  EXPECT_EQ(reservations, (std::vector{GuestRange{{1}, {3}}}));
}

TEST(DeviceTree, ReadsValues) {
  const auto bytes = Maker{}
                         .cells("/", "n32", {7})
                         .cells("/", "n64", {1, 2})
                         .cells("/", "n96", {1, 2, 3})
                         .text("/", "name", "first")
                         .bytes();
  const auto tree = DeviceTree::parse(bytes);
  ASSERT_TRUE(tree);
  tree->walk([](const DeviceTree::Item& item) {
    if (item.name == "n32") {
      EXPECT_EQ(item.number(), 7U);
    } else if (item.name == "n64") {
      EXPECT_EQ(item.number(), 0x1'0000'0002U);
    } else if (item.name == "n96") {
      EXPECT_EQ(item.number(), std::nullopt);
    } else if (item.name == "name") {
      EXPECT_EQ(item.text(), "first");
      EXPECT_TRUE(item.lists("first"));
      EXPECT_FALSE(item.lists("fir"));
    }
    return true;
  });
}

TEST(DeviceTree, RefusesWhatIsNone) {
  auto bytes = Maker{}.node("/", "chosen").bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DeviceTree::parse(std::span{bytes}.first(size))) << size;
  }
  bytes[0] = std::byte{0};
  EXPECT_FALSE(DeviceTree::parse(bytes));
  EXPECT_FALSE(DeviceTree::total_size(bytes));
}

// A tree with `count` properties, which share one name of `name_size` bytes.
auto tree_of_properties(std::size_t count, std::size_t name_size) -> Bytes {
  std::vector<std::uint64_t> buffer((count * 16 + name_size * 2 + 4096) / 2);
  DeviceTreeWriter writer{std::as_writable_bytes(std::span{buffer})};
  const std::string name(name_size, 'n');
  writer.begin_node("");
  for (std::size_t i = 0; i < count; ++i) writer.property_u32(name, 0);
  writer.end_node();
  const auto tree = writer.finish();
  EXPECT_TRUE(tree);
  return {tree->begin(), tree->end()};
}

auto item_count(const Bytes& bytes) -> std::size_t {
  const auto tree = DeviceTree::parse(bytes);
  EXPECT_TRUE(tree);
  std::size_t count = 0;
  tree->walk([&](const DeviceTree::Item&) {
    ++count;
    return true;
  });
  return count;
}

TEST(DeviceTreeLimits, VisitsEachItemOnce) {
  std::chrono::duration<double> durations[2];
  for (const std::size_t count : {1000UZ, 10'000UZ}) {
    const auto bytes = tree_of_properties(count, 20);
    EXPECT_EQ(item_count(bytes), count + 2);
    durations[count / 10'000] = hermitage::testing::shortest_duration([&] { item_count(bytes); });
  }
  EXPECT_LE(durations[1], 30 * durations[0]);
}

TEST(DeviceTreeLimits, ManyPropertiesDoNotMultiplyALongName) {
  EXPECT_EQ(item_count(tree_of_properties(10, 255)), 12U);
  EXPECT_EQ(item_count(tree_of_properties(10, 256)), 1U);
  EXPECT_EQ(item_count(tree_of_properties(10, 100'000)), 1U);
}

TEST(CopyDeviceTree, EditsWhatIsChosen) {
  const auto original = Maker{}
                            .node("/", "chosen")
                            .text("/chosen", "bootargs", "old")
                            .cells("/chosen", "linux,initrd-start", {1})
                            .cells("/chosen", "linux,initrd-end", {2})
                            .text("/chosen", "stdout-path", "/uart")
                            .node("/chosen", "module@48000000")
                            .text("/chosen/module@48000000", "compatible", "multiboot,module")
                            .node("/", "uart")
                            .text("/uart", "bootargs", "not these")
                            .reserve(0x1000, 0x2000)
                            .bytes();
  const auto tree = DeviceTree::parse(original);
  ASSERT_TRUE(tree);
  alignas(8) std::array<std::byte, 4096> buffer;
  const auto copy = copy_device_tree(*tree, {.bootargs = "new line", .initrd = GuestRange{{16}, {32}}}, buffer);
  ASSERT_TRUE(copy);
  ASSERT_EQ(fdt_check_full(copy->data(), copy->size()), 0);
  EXPECT_EQ(property(*copy, "/chosen", "bootargs"), "new line\0"s);
  EXPECT_EQ(property(*copy, "/chosen", "linux,initrd-start"), "\0\0\0\0\0\0\0\x10"s);
  EXPECT_EQ(property(*copy, "/chosen", "linux,initrd-end"), "\0\0\0\0\0\0\0\x20"s);
  EXPECT_EQ(property(*copy, "/chosen", "stdout-path"), "/uart\0"s);
  EXPECT_EQ(property(*copy, "/uart", "bootargs"), "not these\0"s);
  EXPECT_LT(fdt_path_offset(copy->data(), "/chosen/module@48000000"), 0);
  ASSERT_EQ(fdt_num_mem_rsv(copy->data()), 2);
  std::uint64_t start = 0;
  std::uint64_t size = 0;
  ASSERT_EQ(fdt_get_mem_rsv(copy->data(), 1, &start, &size), 0);
  EXPECT_EQ(start, 16U);
  EXPECT_EQ(size, 16U);
}

TEST(CopyDeviceTree, AddsWhatIsMissing) {
  const auto original = Maker{}.node("/", "cpus").bytes();
  const auto tree = DeviceTree::parse(original);
  ASSERT_TRUE(tree);
  alignas(8) std::array<std::byte, 1024> buffer;
  const auto copy = copy_device_tree(*tree, {.bootargs = "-- a"}, buffer);
  ASSERT_TRUE(copy);
  EXPECT_EQ(property(*copy, "/chosen", "bootargs"), "-- a\0"s);
  EXPECT_EQ(property(*copy, "/chosen", "linux,initrd-start"), "(none)");
  EXPECT_GE(fdt_path_offset(copy->data(), "/cpus"), 0);
  EXPECT_FALSE(copy_device_tree(*tree, {.bootargs = "-- a"}, std::span{buffer}.first(64)));
}

}  // namespace
}  // namespace hermitage::loader
