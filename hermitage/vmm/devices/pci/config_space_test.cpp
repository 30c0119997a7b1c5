#include "hermitage/vmm/devices/pci/config_space.hpp"

#include <linux/pci_regs.h>

#include <array>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::pci {
namespace {

template <class T>
auto read(const ConfigSpace& config, std::size_t offset) -> T {
  T value{};
  config.read(offset, std::as_writable_bytes(std::span{&value, 1}));
  return value;
}
template <class T>
void write(ConfigSpace& config, std::size_t offset, T value) {
  config.write(offset, std::as_bytes(std::span{&value, 1}));
}

auto example() -> ConfigSpace {
  return ConfigSpace{{.vendor = 0x1234,
                      .device = 0x5678,
                      .revision = 9,
                      .class_code = 0x020304,
                      .subsystem_vendor = 0xabcd,
                      .subsystem = 0xef01}};
}

TEST(ConfigSpace, SaysWhatTheFunctionIs) {
  const auto config = example();
  EXPECT_EQ(read<std::uint32_t>(config, 0), 0x5678'1234U);
  EXPECT_EQ(read<std::uint32_t>(config, PCI_CLASS_REVISION), 0x0203'0409U);
  EXPECT_EQ(read<std::uint8_t>(config, PCI_HEADER_TYPE), PCI_HEADER_TYPE_NORMAL);
  EXPECT_EQ(read<std::uint32_t>(config, PCI_SUBSYSTEM_VENDOR_ID), 0xef01'abcdU);
  EXPECT_EQ(read<std::uint8_t>(config, PCI_CAPABILITY_LIST), 0);
}

TEST(ConfigSpace, KeepsWhatCannotBeWritten) {
  auto config = example();
  for (std::size_t offset = 0; offset < ConfigSpace::kSize; offset += 4) write(config, offset, ~std::uint32_t{});
  EXPECT_EQ(read<std::uint32_t>(config, 0), 0x5678'1234U);
  EXPECT_EQ(read<std::uint16_t>(config, PCI_COMMAND),
            PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
  EXPECT_EQ(read<std::uint16_t>(config, PCI_STATUS), 0);
  EXPECT_EQ(read<std::uint32_t>(config, PCI_BASE_ADDRESS_5), 0U);
  EXPECT_EQ(read<std::uint32_t>(config, PCI_ROM_ADDRESS), 0U);
}

TEST(ConfigSpace, LetsTheGuestFindTheSizeOfABarAndMoveIt) {
  auto config = example();
  config.set_bar64(0, 0xfe00'0000, 0x8000);
  EXPECT_EQ(read<std::uint32_t>(config, PCI_BASE_ADDRESS_0), 0xfe00'0004U);
  write(config, PCI_BASE_ADDRESS_0, ~std::uint32_t{});
  write(config, PCI_BASE_ADDRESS_1, ~std::uint32_t{});
  EXPECT_EQ(read<std::uint32_t>(config, PCI_BASE_ADDRESS_0), 0xffff'8004U);
  EXPECT_EQ(read<std::uint32_t>(config, PCI_BASE_ADDRESS_1), 0xffff'ffffU);
  write<std::uint32_t>(config, PCI_BASE_ADDRESS_0, 0xd123'4567);
  write<std::uint32_t>(config, PCI_BASE_ADDRESS_1, 0x12);
  EXPECT_EQ(config.bar64(0), 0x12'd123'0000U);
}

TEST(ConfigSpace, ListsCapabilities) {
  auto config = example();
  const auto first = config.add_capability(PCI_CAP_ID_MSIX, std::array<std::byte, 10>{});
  const std::array data{std::byte{0x11}, std::byte{0x22}, std::byte{0x33}};
  const auto second = config.add_capability(PCI_CAP_ID_VNDR, data);
  EXPECT_EQ(first, 0x40U);
  EXPECT_EQ(second, 0x4cU);
  EXPECT_EQ(read<std::uint16_t>(config, PCI_STATUS), PCI_STATUS_CAP_LIST);
  EXPECT_EQ(read<std::uint8_t>(config, PCI_CAPABILITY_LIST), first);
  EXPECT_EQ(read<std::uint16_t>(config, first), second << 8 | PCI_CAP_ID_MSIX);
  EXPECT_EQ(read<std::uint32_t>(config, second), 0x2211'0009U);
  EXPECT_EQ(read<std::uint8_t>(config, second + 4), 0x33);
}

TEST(ConfigSpace, TakesAccessesOfAnySizeAndOffset) {
  auto config = example();
  EXPECT_EQ(read<std::uint8_t>(config, 1), 0x12);
  EXPECT_EQ(read<std::uint16_t>(config, 1), 0x7812);
  EXPECT_EQ(read<std::uint64_t>(config, 252), 0xffff'ffff'0000'0000U);
  EXPECT_EQ(read<std::uint32_t>(config, 256), 0xffff'ffffU);
  EXPECT_EQ(read<std::uint32_t>(config, ~std::size_t{0} - 8), 0xffff'ffffU);
  write<std::uint64_t>(config, 252, 0);
  write<std::uint64_t>(config, ~std::size_t{0} - 2, 0);
}

}  // namespace
}  // namespace hermitage::vmm::pci
