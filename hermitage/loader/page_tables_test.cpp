#include "hermitage/loader/page_tables.hpp"

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::loader {
namespace {

constexpr std::uint64_t kMib = 1 << 20;
constexpr std::uint64_t kGib = 1 << 30;

struct Page {
  std::uint64_t address;  // the result of the translation
  std::uint64_t entry;
  std::uint64_t size;
};

// Translates like a processor, but the tables have addresses of the host.
auto walk(const PageFormat& format, const PageTable& root, std::uint64_t address) -> std::optional<Page> {
  const auto* table = &root;
  for (int level = 4; level >= 1; --level) {
    const std::uint64_t size = std::uint64_t{1} << (12 + 9 * (level - 1));
    const auto entry = (*table)[address / size % 512];
    if ((entry & 1) == 0) return std::nullopt;
    if (level == 1 || !format.is_table(entry)) {
      return Page{(entry & 0x0000'ffff'ffff'f000 & ~(size - 1)) + address % size, entry, size};
    }
    table = reinterpret_cast<const PageTable*>(entry & 0x0000'ffff'ffff'f000);
  }
  return std::nullopt;
}

class Tables {
 public:
  Tables(const PageFormat& format, PageTables::Largest largest, std::size_t count = 64)
      : format_{&format}, memory_(count + 1), arena_{std::as_writable_bytes(std::span{memory_})} {
    std::as_writable_bytes(std::span{memory_});
    tables_.emplace(format, largest, root_, arena_);
  }

  auto operator->() -> PageTables* { return &*tables_; }
  [[nodiscard]] auto at(std::uint64_t address) const -> std::optional<Page> { return walk(*format_, root_, address); }
  [[nodiscard]] auto access(std::uint64_t address) const -> Access {
    const auto page = at(address);
    if (!page) throw std::runtime_error{"not mapped"};
    const auto write_bits = format_->write | format_->no_write;
    return {.write = (page->entry & write_bits) == format_->write, .execute = (page->entry & format_->no_execute) == 0};
  }

 private:
  const PageFormat* format_;
  alignas(4096) PageTable root_{};
  std::vector<PageTable> memory_;
  Arena arena_;
  std::optional<PageTables> tables_;
};

constexpr const PageFormat* kFormats[] = {&kPagesOfX86_64, &kPagesOfAarch64};

TEST(PageTables, MapOneToOneWithPagesAsLargeAsFit) {
  for (const auto* const format : kFormats) {
    Tables tables{*format, PageTables::Largest::k1Gib};
    ASSERT_TRUE(tables->map({{0}, {3 * kGib + 3 * kMib}}, kAll));
    EXPECT_EQ(tables.at(0)->size, kGib);
    EXPECT_EQ(tables.at(3 * kGib)->size, 2 * kMib);
    EXPECT_EQ(tables.at(3 * kGib + 2 * kMib)->size, 4096U);
    EXPECT_FALSE(tables.at(3 * kGib + 3 * kMib));
    for (const auto address : {std::uint64_t{0}, std::uint64_t{0x12345678}, 2 * kGib, 3 * kGib + 5}) {
      EXPECT_EQ(tables.at(address)->address, address);
      EXPECT_EQ(tables.access(address), kAll);
    }
  }
}

TEST(PageTables, UseNoLargerPagesThanAllowed) {
  Tables large{kPagesOfX86_64, PageTables::Largest::k2Mib};
  ASSERT_TRUE(large->map({{0}, {2 * kGib}}, kAll));
  EXPECT_EQ(large.at(kGib)->size, 2 * kMib);
  Tables small{kPagesOfAarch64, PageTables::Largest::k4Kib};
  ASSERT_TRUE(small->map({{0}, {4 * kMib}}, kAll));
  EXPECT_EQ(small.at(kMib)->size, 4096U);
}

TEST(PageTables, SplitWhatIsMappedAnew) {
  for (const auto* const format : kFormats) {
    Tables tables{*format, PageTables::Largest::k1Gib};
    ASSERT_TRUE(tables->map({{0}, {kGib}}, kReadWrite));
    ASSERT_TRUE(tables->map({{0x201000}, {0x203000}}, kReadExecute));
    ASSERT_TRUE(tables->map({{0x203000}, {0x204000}}, {}));
    for (const auto& [address, access] : std::vector<std::pair<std::uint64_t, Access>>{{0x200fff, kReadWrite},
                                                                                       {0x201000, kReadExecute},
                                                                                       {0x202fff, kReadExecute},
                                                                                       {0x203000, {}},
                                                                                       {0x204000, kReadWrite},
                                                                                       {0x400000, kReadWrite},
                                                                                       {kGib - 1, kReadWrite}}) {
      EXPECT_EQ(tables.at(address)->address, address);
      EXPECT_EQ(tables.access(address), access) << std::hex << address;
    }
    EXPECT_EQ(tables.at(0x400000)->size, 2 * kMib);
  }
}

TEST(PageTables, UnmapPartsOfPages) {
  Tables tables{kPagesOfX86_64, PageTables::Largest::k1Gib};
  ASSERT_TRUE(tables->map({{0}, {2 * kGib}}, kAll));
  ASSERT_TRUE(tables->unmap({{0}, {kMib}}));
  ASSERT_TRUE(tables->unmap({{4 * kMib}, {2 * kGib}}));
  EXPECT_FALSE(tables.at(0));
  EXPECT_FALSE(tables.at(kMib - 1));
  EXPECT_TRUE(tables.at(kMib));
  EXPECT_TRUE(tables.at(4 * kMib - 1));
  EXPECT_FALSE(tables.at(4 * kMib));
  EXPECT_FALSE(tables.at(kGib));
}

TEST(PageTables, MapOnePageElsewhere) {
  Tables tables{kPagesOfAarch64, PageTables::Largest::k4Kib};
  ASSERT_TRUE(tables->map_page({0x1000}, 0x0900'0000 | 0x70f));
  EXPECT_EQ(tables.at(0x1008)->address, 0x0900'0008U);
  EXPECT_FALSE(tables.at(0x2000));
  EXPECT_FALSE(tables.at(0));
}

TEST(PageTables, SayWhenThereIsNoRoom) {
  Tables tables{kPagesOfX86_64, PageTables::Largest::k2Mib, 3};
  EXPECT_TRUE(tables->map({{0}, {kGib}}, kAll));
  EXPECT_FALSE(tables->map({{0}, {64 * kGib}}, kAll));
  EXPECT_FALSE(tables->map({{0}, {UINT64_MAX}}, kAll));
}

// Compared with a list of the expected value for each page.
TEST(PageTables, AgreeWithAList) {
  std::mt19937 random{3};
  for (int round = 0; round < 20; ++round) {
    const auto& format = *kFormats[round % 2];
    Tables tables{format, round % 3 == 0 ? PageTables::Largest::k4Kib : PageTables::Largest::k1Gib, 200};
    std::vector<std::optional<Access>> pages(4096);
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t start = random() % pages.size();
      const std::uint64_t end = start + random() % (pages.size() - start + 1);
      const Access access{.write = random() % 2 == 0, .execute = random() % 2 == 0};
      const bool is_unmapped = random() % 4 == 0;
      const GuestRange range{{start * 4096}, {end * 4096}};
      ASSERT_TRUE(is_unmapped ? tables->unmap(range) : tables->map(range, access));
      for (auto page = start; page < end; ++page) pages[page] = is_unmapped ? std::nullopt : std::optional{access};
    }
    for (std::uint64_t page = 0; page < pages.size(); ++page) {
      ASSERT_EQ(tables.at(page * 4096).has_value(), pages[page].has_value()) << page;
      if (!pages[page]) continue;
      ASSERT_EQ(tables.at(page * 4096)->address, page * 4096);
      ASSERT_EQ(tables.access(page * 4096), *pages[page]);
    }
  }
}

}  // namespace
}  // namespace hermitage::loader
