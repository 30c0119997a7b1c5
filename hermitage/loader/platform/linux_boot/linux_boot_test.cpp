#include "hermitage/loader/platform/linux_boot/linux_boot.hpp"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kStart = 0x7000;

// The layout of Firecracker: boot_params at 0x7000, the command line at 0x20000.
class Memory {
 public:
  Memory() {
    put<std::uint8_t>(0x1e8, 2);
    put<std::uint16_t>(0x1fe, 0xaa55);
    put<std::uint32_t>(0x202, 0x53726448);
    put<std::uint32_t>(0x218, 0x7f00000);
    put<std::uint32_t>(0x21c, 0x1234);
    put<std::uint32_t>(0x228, 0x20000);
    put<std::uint64_t>(0x2d0, 0);
    put<std::uint64_t>(0x2d8, 0x9fc00);
    put<std::uint32_t>(0x2e0, 1);
    put<std::uint64_t>(0x2e4, 0x100000);
    put<std::uint64_t>(0x2ec, 0x7f00000);
    put<std::uint32_t>(0x2f4, 1);
    std::memcpy(bytes_.data() + 0x20000 - kStart, "-- a", 5);
  }

  template <class T>
  void put(std::size_t at, T value) {
    entry::write<T, entry::Endian::little>(bytes_, at, value);
  }
  auto read(Handover& handover) -> Result<void> {
    return read_linux_boot(PhysicalMemory{bytes_, {kStart}}, {kStart}, handover);
  }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(0x20000);
};

TEST(LinuxBoot, ReadsTheBootParameters) {
  Memory memory;
  Handover handover;
  const auto result = memory.read(handover);
  ASSERT_TRUE(result) << result.error().c_str();
  EXPECT_EQ(handover.image, (GuestRange{{0x7f00000}, {0x7f01234}}));
  EXPECT_EQ(handover.command_line, "-- a");
  EXPECT_FALSE(handover.rsdp);
  ASSERT_EQ(handover.memory.ram().size(), 2U);
  EXPECT_EQ(handover.memory.ram()[1], (GuestRange{{0x100000}, {0x8000000}}));
  EXPECT_FALSE(handover.memory.is_free({{0x7fff}, {0x8000}}));
}

TEST(LinuxBoot, KnowsAddressesAbove4Gib) {
  Memory memory;
  memory.put<std::uint32_t>(0x0c0, 2);
  memory.put<std::uint64_t>(0x070, 0xe0000);
  Handover handover;
  ASSERT_TRUE(memory.read(handover));
  EXPECT_EQ(handover.image, (GuestRange{{0x2'07f0'0000}, {0x2'07f0'1234}}));
  EXPECT_EQ(handover.rsdp, GuestAddress{0xe0000});
}

TEST(LinuxBoot, HasNoImageWithoutARamdisk) {
  Memory memory;
  memory.put<std::uint32_t>(0x21c, 0);
  Handover handover;
  ASSERT_TRUE(memory.read(handover));
  EXPECT_FALSE(handover.image);
}

TEST(LinuxBoot, RefusesWhatIsWrong) {
  const auto fails = [](auto&& change) {
    Memory memory;
    change(memory);
    Handover handover;
    return !memory.read(handover);
  };
  EXPECT_FALSE(fails([](Memory& memory) { memory.put<std::uint8_t>(0x1e8, 255); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.put<std::uint16_t>(0x1fe, 0); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.put<std::uint32_t>(0x202, 0); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.put<std::uint8_t>(0x1e8, 0); }));
  EXPECT_TRUE(fails([](Memory& memory) { memory.put<std::uint32_t>(0x228, 0x7fffffff); }));
  EXPECT_TRUE(fails([](Memory& memory) {
    memory.put<std::uint32_t>(0x0c0, UINT32_MAX);
    memory.put<std::uint32_t>(0x218, UINT32_MAX);
  }));
}

}  // namespace
}  // namespace hermitage::loader
