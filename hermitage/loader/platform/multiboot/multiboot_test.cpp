#include "hermitage/loader/platform/multiboot/multiboot.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kStart = 0x9000;

// 64 KiB with the information at the beginning, followed by the map, the command line and a module.
class Memory {
 public:
  Memory() {
    u32(0, 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9);
    u32(16, kStart + 0x400);
    u32(20, 1);
    u32(24, kStart + 0x300);
    u32(44, 48);
    u32(48, kStart + 0x200);
    u32(64, kStart + 0x380);
    map_entry(0x200, 0, 0x9fc00, 1);
    map_entry(0x218, 0x100000, 0x7ee0000, 1);
    u32(0x300, 0x1d9000);
    u32(0x304, 0x2a0000);
    text(0x380, "qemu");
    text(0x400, "/loader -- a");
  }

  void u32(std::size_t at, std::uint64_t value) {
    entry::write<std::uint32_t, entry::Endian::little>(bytes_, at, static_cast<std::uint32_t>(value));
  }
  void text(std::size_t at, const char* text) { std::memcpy(bytes_.data() + at, text, std::strlen(text) + 1); }
  void map_entry(std::size_t at, std::uint64_t start, std::uint64_t size, std::uint32_t type) {
    u32(at, 20);
    entry::write<std::uint64_t, entry::Endian::little>(bytes_, at + 4, start);
    entry::write<std::uint64_t, entry::Endian::little>(bytes_, at + 12, size);
    u32(at + 20, type);
  }
  auto read(Handover& handover) -> Result<void> {
    return read_multiboot(PhysicalMemory{bytes_, {kStart}}, {kStart}, handover);
  }

 private:
  std::vector<std::byte> bytes_ = std::vector<std::byte>(0x10000);
};

TEST(Multiboot, ReadsWhatQemuTells) {
  Memory memory;
  Handover handover;
  const auto result = memory.read(handover);
  ASSERT_TRUE(result) << result.error().c_str();
  EXPECT_EQ(handover.image, (GuestRange{{0x1d9000}, {0x2a0000}}));
  EXPECT_EQ(handover.command_line, "/loader -- a");
  EXPECT_TRUE(handover.names_loader);
  ASSERT_EQ(handover.memory.ram().size(), 2U);
  EXPECT_EQ(handover.memory.ram()[1], (GuestRange{{0x100000}, {0x7fe0000}}));
  EXPECT_FALSE(handover.memory.is_free({{kStart}, {kStart + 1}}));
  EXPECT_FALSE(handover.memory.is_free({{kStart + 0x405}, {kStart + 0x406}}));
}

TEST(Multiboot, KnowsWhoPutsTheLoadersPathFirst) {
  Memory memory;
  memory.text(0x380, "GRUB");
  Handover of_grub;
  ASSERT_TRUE(memory.read(of_grub));
  EXPECT_FALSE(of_grub.names_loader);
}

TEST(Multiboot, LeavesOutMemoryThatIsNotAvailable) {
  Memory memory;
  memory.map_entry(0x218, 0x100000, 0x7ee0000, 2);
  Handover handover;
  ASSERT_TRUE(memory.read(handover));
  EXPECT_EQ(handover.memory.ram().size(), 1U);
}

TEST(Multiboot, HasNoImageWithoutModules) {
  Memory memory;
  memory.u32(20, 0);
  Handover handover;
  ASSERT_TRUE(memory.read(handover));
  EXPECT_FALSE(handover.image);
}

TEST(Multiboot, RefusesWhatIsWrong) {
  const auto fails = [](auto&& change) {
    Memory memory;
    change(memory);
    Handover handover;
    return !memory.read(handover);
  };
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(0, 0); }));                 // no map
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(48, 0x7fffffff); }));       // outside of the memory
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(44, 0xffffffff); }));       // too large
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(16, 0xfffffff0); }));       // no command line at this address
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(24, kStart + 0xfff8); }));  // a part of the module is outside
  EXPECT_TRUE(fails([](Memory& memory) { memory.u32(0x304, 0x1d8fff); }));      // the end is before the beginning
  EXPECT_FALSE(fails([](Memory& memory) { memory.u32(0x200, 0xffffffff); }));   // the map ends early
}

TEST(Multiboot, WritesWhatItReads) {
  std::vector<std::byte> bytes(0x10000);
  MemoryMap map;
  ASSERT_TRUE(map.add_ram({{0}, {0x9fc00}}));
  ASSERT_TRUE(map.add_ram({{0x100000}, {0x180000000}}));
  Arena arena{bytes};
  // On the host, addresses have more than 32 bits. Their lower halves suffice to find it again.
  const std::string line = "-- a";
  const auto room = arena.allocate(line.size() + 1, 1);
  std::memcpy(room.data(), line.c_str(), line.size() + 1);
  const auto info = write_multiboot(arena, map, {reinterpret_cast<const char*>(room.data()), line.size()});
  ASSERT_TRUE(info);
  const PhysicalMemory memory{bytes, {reinterpret_cast<std::uintptr_t>(bytes.data()) & 0xffff'ffff}};
  Handover handover;
  const auto result = read_multiboot(memory, {info->value & 0xffff'ffff}, handover);
  ASSERT_TRUE(result) << result.error().c_str();
  EXPECT_EQ(handover.command_line, "-- a");
  EXPECT_TRUE(std::ranges::equal(handover.memory.ram(), map.ram()));
  EXPECT_FALSE(handover.image);
}

}  // namespace
}  // namespace hermitage::loader
