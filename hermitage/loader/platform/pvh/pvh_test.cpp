#include "hermitage/loader/platform/pvh/pvh.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kStart = 0x6000;

class Memory {
 public:
  Memory() {
    u32(0, 0x336ec578);
    u32(4, 1);
    u32(12, 1);
    u64(16, kStart + 0x100);
    u64(24, kStart + 0x200);
    u64(32, 0xf5a20);
    u64(40, kStart + 0x300);
    u32(48, 2);
    u64(0x100, 0xff00000);
    u64(0x108, 0x1234);
    std::memcpy(bytes_.data() + 0x200, "-- a b", 7);
    u64(0x300, 0);
    u64(0x308, 0x9fc00);
    u32(0x310, 1);
    u64(0x318, 0x100000);
    u64(0x320, 0xff00000);
    u32(0x328, 1);
  }

  void u32(std::size_t at, std::uint32_t value) {
    entry::write<std::uint32_t, entry::Endian::little>(bytes_, at, value);
  }
  void u64(std::size_t at, std::uint64_t value) {
    entry::write<std::uint64_t, entry::Endian::little>(bytes_, at, value);
  }
  auto read(Handover& handover) -> Result<void> {
    return read_pvh(PhysicalMemory{bytes_, {kStart}}, {kStart}, handover);
  }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(0x1000);
};

TEST(Pvh, ReadsTheStartInformation) {
  Memory memory;
  Handover handover;
  const auto result = memory.read(handover);
  ASSERT_TRUE(result) << result.error().c_str();
  EXPECT_EQ(handover.image, (GuestRange{{0xff00000}, {0xff01234}}));
  EXPECT_EQ(handover.command_line, "-- a b");
  EXPECT_EQ(handover.rsdp, GuestAddress{0xf5a20});
  ASSERT_EQ(handover.memory.ram().size(), 2U);
  EXPECT_EQ(handover.memory.ram()[1], (GuestRange{{0x100000}, {0x10000000}}));
  EXPECT_FALSE(handover.memory.is_free({{kStart + 0x300}, {kStart + 0x301}}));
}

TEST(Pvh, DoesWithoutWhatIsNotThere) {
  Memory memory;
  memory.u32(12, 0);
  memory.u64(24, 0);
  memory.u64(32, 0);
  Handover handover;
  ASSERT_TRUE(memory.read(handover));
  EXPECT_FALSE(handover.image);
  EXPECT_EQ(handover.command_line, "");
  EXPECT_FALSE(handover.rsdp);
}

TEST(Pvh, RefusesWhatIsWrong) {
  const auto fails = [](auto&& change) {
    Memory memory;
    change(memory);
    Handover handover;
    return !memory.read(handover);
  };
  EXPECT_FALSE(fails([](Memory&) {}));
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(0, 0x2badb002); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(4, 0); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.u64(16, UINT64_MAX); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.u64(24, kStart + 0x1000); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.u64(40, 0); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(48, UINT32_MAX); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.u64(0x108, UINT64_MAX); }));
}

}  // namespace
}  // namespace hermitage::loader
