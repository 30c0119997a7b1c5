#include "hermitage/vmm/device_tree.hpp"

#include <cstring>
#include <stdexcept>
#include <string_view>

#include <gtest/gtest.h>
extern "C" {
#include <libfdt.h>
}

namespace hermitage::vmm {
namespace {

using namespace std::literals;

constexpr std::size_t kSizeLimit = 0x4000;

// Reads a tree with libfdt.
class Reader {
 public:
  explicit Reader(const DeviceTree& tree, std::size_t size_limit = kSizeLimit) {
    auto flattened = flatten(tree, size_limit);
    if (!flattened) throw std::runtime_error{flattened.error().message()};
    bytes_ = std::move(*flattened);
    if (fdt_check_full(bytes_.data(), bytes_.size()) != 0) throw std::runtime_error{"not a device tree"};
  }

  [[nodiscard]] auto size() const -> std::size_t { return bytes_.size(); }
  [[nodiscard]] auto has(const char* path) const -> bool { return fdt_path_offset(bytes_.data(), path) >= 0; }

  // The bytes of a property, or "(none)".
  [[nodiscard]] auto property(const char* path, const char* name) const -> std::string {
    const int node = fdt_path_offset(bytes_.data(), path);
    int size = 0;
    const void* const value = node < 0 ? nullptr : fdt_getprop(bytes_.data(), node, name, &size);
    if (value == nullptr) return "(none)";
    return {static_cast<const char*>(value), static_cast<std::size_t>(size)};
  }

  [[nodiscard]] auto reservations() const -> std::vector<GuestRange> {
    std::vector<GuestRange> ranges;
    for (int i = 0; i < fdt_num_mem_rsv(bytes_.data()); ++i) {
      std::uint64_t start = 0;
      std::uint64_t size = 0;
      fdt_get_mem_rsv(bytes_.data(), i, &start, &size);
      ranges.push_back({{start}, {start + size}});
    }
    return ranges;
  }

 private:
  std::vector<std::byte> bytes_;
};

template <class Integer>
auto cells(Integer value) -> std::string {
  std::string bytes;
  for (std::size_t i = sizeof value; i-- > 0;) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  return bytes;
}

auto minimal() -> DeviceTree {
  return {.memory = {{0x1'0000'0000}, {0x1'0400'0000}},
          .cpu_count = 1,
          .boot_arguments = "",
          .counter_khz = std::nullopt,
          .image = std::nullopt,
          .mounts = {}};
}

TEST(DeviceTree, SaysWhatMachineItIs) {
  const Reader tree{minimal()};
  EXPECT_EQ(tree.property("/", "compatible"), "hermit,uhyve\0"sv);
  EXPECT_EQ(tree.property("/", "#address-cells"), cells(std::uint32_t{2}));
  EXPECT_EQ(tree.property("/", "#size-cells"), cells(std::uint32_t{2}));
  EXPECT_EQ(tree.property("/memory@100000000", "device_type"), "memory\0"sv);
  EXPECT_EQ(tree.property("/memory@100000000", "reg"),
            cells(std::uint64_t{0x1'0000'0000}) + cells(std::uint64_t{0x400'0000}));
  EXPECT_EQ(tree.property("/chosen", "bootargs"), "\0"sv);
  EXPECT_EQ(tree.property("/cpus/cpu@0", "device_type"), "cpu\0"sv);
  EXPECT_EQ(tree.property("/cpus/cpu@0", "reg"), cells(std::uint32_t{0}));
  EXPECT_EQ(tree.property("/cpus", "#address-cells"), cells(std::uint32_t{1}));
  EXPECT_EQ(tree.property("/cpus", "#size-cells"), cells(std::uint32_t{0}));
}

TEST(DeviceTree, SaysNothingThatIsNotThere) {
  const Reader tree{minimal()};
  EXPECT_FALSE(tree.has("/hermit,tsc"));
  EXPECT_FALSE(tree.has("/uhyve,mounts"));
  EXPECT_FALSE(tree.has("/cpus/cpu@1"));
  EXPECT_EQ(tree.property("/chosen", "linux,initrd-start"), "(none)");
  EXPECT_TRUE(tree.reservations().empty());
}

TEST(DeviceTree, SaysAllThatIsThere) {
  auto description = minimal();
  description.cpu_count = 17;
  description.boot_arguments = "env=A=1 -- 'two words'";
  description.counter_khz = 2'900'000;
  description.image = GuestRange{{0x1'0020'0000}, {0x1'0020'1001}};
  description.mounts = {"/etc", "/root"};
  const Reader tree{description};
  EXPECT_EQ(tree.property("/cpus/cpu@10", "reg"), cells(std::uint32_t{16})) << "in hexadecimal, as ePAPR wants it";
  EXPECT_FALSE(tree.has("/cpus/cpu@11"));
  EXPECT_EQ(tree.property("/chosen", "bootargs"), "env=A=1 -- 'two words'\0"sv);
  EXPECT_EQ(tree.property("/hermit,tsc", "khz"), cells(std::uint32_t{2'900'000}));
  EXPECT_EQ(tree.property("/uhyve,mounts", "mounts"), "/etc\0/root\0"sv);
  EXPECT_EQ(tree.property("/chosen", "linux,initrd-start"), cells(std::uint64_t{0x1'0020'0000}));
  EXPECT_EQ(tree.property("/chosen", "linux,initrd-end"), cells(std::uint64_t{0x1'0020'1001}));
  ASSERT_EQ(tree.reservations().size(), 1U);
  EXPECT_EQ(tree.reservations()[0], (GuestRange{{0x1'0020'0000}, {0x1'0020'2000}})) << "whole pages";
}

TEST(DeviceTree, FitsOrFails) {
  auto description = minimal();
  description.boot_arguments = std::string(100, 'x');
  description.mounts = {"/etc"};
  description.counter_khz = 1;
  description.image = GuestRange{{0x1'0020'0000}, {0x1'0020'1000}};
  const auto needed = Reader{description}.size();
  EXPECT_EQ(Reader(description, needed).size(), needed);
  for (std::size_t limit = 0; limit < needed; ++limit) {
    const auto tree = flatten(description, limit);
    ASSERT_FALSE(tree) << limit;
    EXPECT_EQ(tree.error().code, ErrorCode::configuration);
  }
}

TEST(DeviceTree, HasRoomForAHundredProcessorsAndLongArguments) {
  auto description = minimal();
  description.cpu_count = 100;
  description.boot_arguments = std::string(8000, 'x');
  EXPECT_EQ(Reader{description}.property("/chosen", "bootargs").size(), 8001U);
}

}  // namespace
}  // namespace hermitage::vmm
