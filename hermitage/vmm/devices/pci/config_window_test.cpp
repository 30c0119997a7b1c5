// The configuration space in memory, of a bus with a function and of an empty one.
#include "hermitage/vmm/devices/pci/config_window.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "hermitage/vmm/devices/unclaimed.hpp"

namespace hermitage::vmm::pci {
namespace {

constexpr std::uint64_t kStart = 0x900'0000;
constexpr std::uint64_t kSlotSize = 0x8000;
constexpr std::uint32_t kBridge = 0x0d57'8086;

// A function whose configuration space a test sees.
class Recorder final : public Function {
 public:
  void read_config(std::size_t offset, std::span<std::byte> data) override { space.read(offset, data); }
  void write_config(std::size_t offset, std::span<const std::byte> data) override { space.write(offset, data); }
  [[nodiscard]] auto bar_offset(std::uint64_t /*address*/, std::size_t /*size*/) const
      -> std::optional<std::size_t> override {
    return std::nullopt;
  }
  void read_bar(std::size_t /*offset*/, std::span<std::byte> /*data*/) override {}
  void write_bar(std::size_t /*offset*/, std::span<const std::byte> /*data*/) override {}

  ConfigSpace space{{.vendor = 0x1af4, .device = 0x1041, .revision = 1, .class_code = 0x020000}};
};

class ConfigWindowTest : public ::testing::Test {
 protected:
  template <class Value = std::uint32_t>
  auto read(std::uint64_t offset) -> Value {
    Value value{};
    const auto outcome = window.read({.address = kStart + offset}, std::as_writable_bytes(std::span{&value, 1}));
    EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
    return value;
  }
  template <class Value>
  void write(std::uint64_t offset, Value value) {
    const auto outcome = window.write({.address = kStart + offset}, std::as_bytes(std::span{&value, 1}));
    EXPECT_TRUE(std::holds_alternative<Resume>(outcome));
  }

  Recorder function;
  UnclaimedMemory unclaimed;
  PciBus pci{unclaimed};
  ConfigWindow window{pci, kStart};
};

TEST_F(ConfigWindowTest, ReadsAsOnesWithoutABus) {
  for (std::uint64_t slot = 0; slot < PciBus::kSlots; ++slot) EXPECT_EQ(read(slot * kSlotSize), UINT32_MAX);
  write<std::uint32_t>(0, 0);
  EXPECT_EQ(read(0), UINT32_MAX);
}

TEST_F(ConfigWindowTest, HasAHostBridgeAndOneFunction) {
  pci.add(function);
  EXPECT_EQ(read(0), kBridge);
  EXPECT_EQ(read(kSlotSize), 0x1041'1af4U);
  EXPECT_EQ(read<std::uint16_t>(kSlotSize + 2), 0x1041);
  EXPECT_EQ(read<std::uint8_t>(kSlotSize + 0xb), 0x02);
  EXPECT_EQ(read<std::uint64_t>(kSlotSize), 0x0000'0002'1041'1af4U);
  for (std::uint64_t slot = 2; slot < PciBus::kSlots; ++slot) EXPECT_EQ(read(slot * kSlotSize), UINT32_MAX) << slot;
  for (std::uint64_t number = 1; number < 8; ++number) EXPECT_EQ(read(kSlotSize + number * 0x1000), UINT32_MAX);
}

TEST_F(ConfigWindowTest, WritesWhatAGuestMayWrite) {
  pci.add(function);
  function.space.set_bar64(0, 0xb00'0000, 0x8000);
  write<std::uint64_t>(kSlotSize + 0x10, UINT64_MAX);
  EXPECT_EQ(read<std::uint64_t>(kSlotSize + 0x10), 0xffff'ffff'ffff'8004U);
  write<std::uint32_t>(kSlotSize, 0);
  EXPECT_EQ(read(kSlotSize), 0x1041'1af4U);
}

TEST_F(ConfigWindowTest, HasNoExtendedSpace) {
  pci.add(function);
  EXPECT_EQ(read(kSlotSize + 0x100), UINT32_MAX);
  write<std::uint32_t>(kSlotSize + 0xffc, 0);
  EXPECT_EQ(read(kSlotSize + 0xffc), UINT32_MAX);
  EXPECT_EQ(read<std::uint64_t>(kSlotSize + 0xfc), 0xffff'ffff'0000'0000U) << "the half behind the space is all ones";
}

TEST_F(ConfigWindowTest, NamesItsAccesses) {
  EXPECT_EQ(window.name_of(kStart, true), std::string_view{"pci write"});
  EXPECT_EQ(window.name_of(kStart, false), std::string_view{"pci read"});
}

TEST_F(ConfigWindowTest, TakesOneBusOfAddresses) {
  Bus memory{unclaimed};
  EXPECT_TRUE(window.add_to(memory));
  EXPECT_EQ(&memory.device_at(kStart, 4), &window);
  EXPECT_EQ(&memory.device_at(kStart + ConfigWindow::kSize - 4, 4), &window);
  EXPECT_EQ(&memory.device_at(kStart + ConfigWindow::kSize, 4), &unclaimed);
}

}  // namespace
}  // namespace hermitage::vmm::pci
