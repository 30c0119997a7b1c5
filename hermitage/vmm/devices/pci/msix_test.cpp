#include "hermitage/vmm/devices/pci/msix.hpp"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::vmm::pci {
namespace {

template <class T>
auto read(const MsixTable& table, std::size_t offset) -> T {
  T value{};
  table.read(offset, std::as_writable_bytes(std::span{&value, 1}));
  return value;
}
template <class T>
void write(MsixTable& table, std::size_t offset, T value) {
  table.write(offset, std::as_bytes(std::span{&value, 1}));
}
auto pending(const MsixTable& table) -> std::uint64_t {
  std::uint64_t value{};
  table.read_pending(0, std::as_writable_bytes(std::span{&value, 1}));
  return value;
}

TEST(MsixTable, HasWhatTheGuestWroteToIt) {
  MsixTable table{3};
  EXPECT_EQ(table.size(), 3U);
  EXPECT_TRUE(table.is_masked(1));
  write<std::uint64_t>(table, 16, 0x1'fee0'1000);
  write<std::uint32_t>(table, 24, 0x4041);
  write<std::uint32_t>(table, 28, 0xffff'fffe);
  EXPECT_FALSE(table.is_masked(1));
  EXPECT_EQ(read<std::uint32_t>(table, 28), 0U);
  EXPECT_EQ(table.messages()[1], (Message{.address = 0x1'fee0'1000, .data = 0x4041}));
  EXPECT_TRUE(table.is_masked(0));
  EXPECT_TRUE(table.is_masked(2));
  write<std::uint64_t>(table, 0, ~std::uint64_t{});
  EXPECT_EQ(table.messages()[0], Message{}) << "it is masked";
}

TEST(MsixTable, KeepsAMaskedVectorPending) {
  MsixTable table{2};
  table.set_pending(1);
  EXPECT_EQ(table.take_pending(), std::nullopt);
  EXPECT_EQ(pending(table), 2U);
  write<std::uint8_t>(table, 28, 0);
  EXPECT_EQ(table.take_pending(), 1U);
  EXPECT_EQ(table.take_pending(), std::nullopt);
  EXPECT_EQ(pending(table), 0U);
}

TEST(MsixTable, TakesAccessesOfAnySizeAndOffset) {
  MsixTable table{2};
  write<std::uint64_t>(table, 27, ~std::uint64_t{});
  EXPECT_EQ(read<std::uint64_t>(table, 27), 0x1'ffU);
  EXPECT_EQ(read<std::uint64_t>(table, 32), 0U);
  EXPECT_EQ(read<std::uint64_t>(table, ~std::size_t{0} - 3), 0U);
  std::uint64_t value = 1;
  table.read_pending(8, std::as_writable_bytes(std::span{&value, 1}));
  EXPECT_EQ(value, 0U);
}

}  // namespace
}  // namespace hermitage::vmm::pci
