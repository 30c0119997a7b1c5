#include "hermitage/vmm/memory/guest_memory.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "hermitage/vmm/descriptor.hpp"
#include "testing/temporary_directory.hpp"

namespace hermitage::vmm {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kBase = std::uint64_t{4} << 30;
constexpr std::uint64_t kSize = std::uint64_t{2} << 20;
constexpr std::uint64_t kEnd = kBase + kSize;
constexpr std::uint64_t kMax = UINT64_MAX;

auto memory_at(std::uint64_t base, std::uint64_t size = kSize) -> GuestMemory {
  auto memory = GuestMemory::allocate({base}, size, {});
  if (!memory) throw std::runtime_error{memory.error().message()};
  return std::move(*memory);
}

TEST(GuestMemory, IsZero) {
  const auto memory = memory_at(kBase);
  EXPECT_EQ(memory.base(), GuestAddress{kBase});
  EXPECT_EQ(memory.size(), kSize);
  EXPECT_EQ(memory.range(), (GuestRange{{kBase}, {kEnd}}));
  EXPECT_TRUE(std::ranges::all_of(memory.bytes(), [](std::byte byte) { return byte == std::byte{}; }));
}

TEST(GuestMemory, InHugePagesIsAlignedAsTheGuestSeesIt) {
  constexpr std::uint64_t kHugePage = std::uint64_t{2} << 20;
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) GTEST_SKIP() << "this Linux has no huge pages";
  const auto memory = GuestMemory::allocate({kBase}, kHugePage + kPage, {.huge_pages = true});
  ASSERT_TRUE(memory) << memory.error().message();
  EXPECT_EQ(memory->size(), kHugePage + kPage);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->bytes().data()) % kHugePage, 0U);
  memory->bytes().back() = std::byte{1};
}

// The flags of the mapping that starts at an address (proc(5), VmFlags in smaps).
auto mapping_flags(const void* address) -> std::string {
  std::ifstream mappings{"/proc/self/smaps"};
  const auto start = fmt::format("{:x}-", reinterpret_cast<std::uintptr_t>(address));
  bool is_this = false;
  for (std::string line; std::getline(mappings, line);) {
    if (line.starts_with(start)) is_this = true;
    if (is_this && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(GuestMemory, IsMergedWhereThatIsAskedFor) {
  if (!std::filesystem::exists("/sys/kernel/mm/ksm")) GTEST_SKIP() << "this Linux merges no pages";
  for (const bool mergeable : {false, true}) {
    // Between mappings with other flags, so that Linux does not merge two mappings.
    const auto before = GuestMemory::allocate({0}, 2 * kPage, {.mergeable = !mergeable});
    const auto memory = GuestMemory::allocate({0}, 2 * kPage, {.mergeable = mergeable});
    const auto after = GuestMemory::allocate({0}, 2 * kPage, {.mergeable = !mergeable});
    ASSERT_TRUE(before && memory && after);
    const auto flags = mapping_flags(memory->bytes().data());
    ASSERT_FALSE(flags.empty());
    EXPECT_EQ(flags.find(" mg ") != std::string::npos, mergeable) << flags;
  }
}

TEST(GuestMemory, GivesWhatIsInsideOnly) {
  const auto memory = memory_at(kBase);
  struct Case {
    std::uint64_t address;
    std::uint64_t size;
    bool is_inside;
  };
  constexpr std::array kCases{Case{kBase, 0, true},
                              Case{kBase, 1, true},
                              Case{kBase, kSize, true},
                              Case{kBase + 1, kSize, false},
                              Case{kBase, kSize + 1, false},
                              Case{kEnd - 1, 1, true},
                              Case{kEnd - 1, 2, false},
                              Case{kEnd, 0, true},
                              Case{kEnd, 1, false},
                              Case{kEnd + 1, 0, false},
                              Case{kBase - 1, 0, false},
                              Case{kBase - 1, 2, false},
                              Case{0, 0, false},
                              Case{0, kMax, false},
                              Case{kBase, kMax, false},
                              Case{kBase + 1, kMax, false},
                              Case{kMax, 1, false},
                              Case{kMax, kMax, false},
                              Case{kMax - kBase + 1, kSize, false}};
  for (const auto& [address, size, is_inside] : kCases) {
    const auto bytes = memory.span({address}, size);
    ASSERT_EQ(bytes.has_value(), is_inside) << std::hex << address << " " << size;
    if (is_inside) {
      EXPECT_EQ(bytes->data(), memory.bytes().data() + (address - kBase));
      EXPECT_EQ(bytes->size(), size);
    } else {
      EXPECT_EQ(bytes.error(), (OutsideMemory{{address}, size}));
    }
  }
}

TEST(GuestMemory, DoesNotWrapAroundToMemoryThatBeginsAtZero) {
  const auto memory = memory_at(0);
  EXPECT_TRUE(memory.span({0}, kSize));
  EXPECT_FALSE(memory.span({kMax}, 2));
  EXPECT_FALSE(memory.span({kMax - 7}, 8));
  EXPECT_FALSE(memory.span({8}, kMax - 7));
}

TEST(GuestMemory, ReadsAndWritesAtAnyAlignment) {
  const auto memory = memory_at(kBase);
  ASSERT_TRUE(memory.write(GuestAddress{kEnd - 9}, std::uint64_t{0x0102'0304'0506'0708}));
  EXPECT_EQ(memory.read<std::uint64_t>({kEnd - 9}), 0x0102'0304'0506'0708U);
  EXPECT_EQ(memory.read<std::uint8_t>({kEnd - 9}), 8U);  // little-endian, as the host
  EXPECT_EQ(memory.read<std::uint64_t>({kEnd - 7}).error(), (OutsideMemory{{kEnd - 7}, 8}));
  EXPECT_EQ(memory.write(GuestAddress{kEnd - 7}, std::uint64_t{1}).error(), (OutsideMemory{{kEnd - 7}, 8}));
  EXPECT_EQ(memory.read<std::uint8_t>({kEnd - 1}), 0U) << "half a write";
}

void put(const GuestMemory& memory, std::uint64_t address, std::string_view text) {
  std::memcpy(memory.span({address}, text.size()).value().data(), text.data(), text.size());
}

TEST(GuestMemory, ReadsTextsUpToTheirNul) {
  const auto memory = memory_at(kBase);
  put(memory, kBase, std::string_view{"word\0rest", 9});
  EXPECT_EQ(memory.read_text({kBase}, 100), "word");
  EXPECT_EQ(memory.read_text({kBase + 4}, 100), "");
  EXPECT_EQ(memory.read_text({kBase}, 5), "word");
  EXPECT_EQ(memory.read_text({kBase}, 4), std::nullopt) << "the NUL is behind the limit";
  EXPECT_EQ(memory.read_text({kBase}, 0), std::nullopt);
}

TEST(GuestMemory, ReadsNoTextThatLeavesTheMemory) {
  const auto memory = memory_at(kBase);
  put(memory, kEnd - 4, "abcd");
  EXPECT_EQ(memory.read_text({kEnd - 4}, 100), std::nullopt);
  EXPECT_EQ(memory.read_text({kEnd}, 100), std::nullopt);
  EXPECT_EQ(memory.read_text({kEnd + 1}, 100), std::nullopt);
  EXPECT_EQ(memory.read_text({kBase - 1}, 100), std::nullopt);
  EXPECT_EQ(memory.read_text({kMax}, SIZE_MAX), std::nullopt);
  put(memory, kEnd - 4, std::string_view{"abc\0", 4});
  EXPECT_EQ(memory.read_text({kEnd - 4}, SIZE_MAX), "abc");
}

TEST(GuestMemory, MapsFilesPrivately) {
  const testing::TemporaryDirectory directory;
  const auto path = directory.write("file", std::string(kPage, 'a') + std::string(kPage, 'b'));
  const auto memory = memory_at(kBase);
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  ASSERT_TRUE(file.is_open());
  ASSERT_TRUE(memory.map_file({kBase + kPage}, kPage, file.get(), kPage));
  EXPECT_EQ(memory.read<char>({kBase + kPage - 1}), '\0');
  EXPECT_EQ(memory.read<char>({kBase + kPage}), 'b');
  EXPECT_EQ(memory.read<char>({kBase + 2 * kPage - 1}), 'b');
  EXPECT_EQ(memory.read<char>({kBase + 2 * kPage}), '\0');

  ASSERT_TRUE(memory.write(GuestAddress{kBase + kPage}, 'x'));
  std::array<char, 1> byte{};
  ASSERT_EQ(::pread(file.get(), byte.data(), 1, kPage), 1);
  EXPECT_EQ(byte[0], 'b');

  EXPECT_FALSE(memory.map_file({kEnd}, kPage, file.get(), 0));
  EXPECT_FALSE(memory.map_file({kBase}, kPage, -1, 0));
}

TEST(GuestMemory, PopulatesWithoutChangingAnything) {
  const auto memory = memory_at(kBase);
  ASSERT_TRUE(memory.write(GuestAddress{kBase + kPage}, 'x'));
  memory.populate({{kBase + 1}, {kBase + kPage + 1}});
  EXPECT_EQ(memory.read<char>({kBase + kPage}), 'x');
  memory.populate({{kEnd}, {kEnd + kPage}});  // advice for missing memory
  memory.populate({{kMax - 1}, {kMax}});
  memory.populate({{kEnd}, {kBase}});
}

TEST(GuestMemory, TellsHowMuchIsTooMuch) {
  const auto endless = GuestMemory::allocate({0}, kMax & ~(kPage - 1), {.huge_pages = true});
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, ErrorCode::configuration);
  const auto large = GuestMemory::allocate({0}, std::uint64_t{1} << 62, {});
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, ErrorCode::host_failed);
  EXPECT_NE(large.error().message().find("4611686018427387904 bytes"), std::string::npos) << large.error().message();
}

TEST(GuestMemory, Moves) {
  auto first = memory_at(kBase);
  ASSERT_TRUE(first.write(GuestAddress{kBase}, 'x'));
  auto second = std::move(first);
  EXPECT_EQ(second.read<char>({kBase}), 'x');
  auto third = memory_at(0);
  third = std::move(second);
  EXPECT_EQ(third.base(), GuestAddress{kBase});
  EXPECT_EQ(third.read<char>({kBase}), 'x');
}

}  // namespace
}  // namespace hermitage::vmm
