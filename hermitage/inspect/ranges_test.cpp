#include "hermitage/inspect/ranges.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace hermitage::inspect {
namespace {

struct Piece {
  std::uint64_t begin, end;
  std::uint32_t owner;

  friend auto operator==(const Piece&, const Piece&) -> bool = default;
};

struct Carved {
  std::vector<Piece> pieces, rest;  // in the rest, the owner is the segment
};

auto carved(const std::vector<Region>& regions, std::vector<Claim> claims) -> Carved {
  Carved result;
  const auto rest = carve(regions, claims, [&](const Region& piece, const Claim& claim) {
    result.pieces.push_back({piece.begin, piece.end, claim.owner});
  });
  for (const auto& region : rest) result.rest.push_back({region.begin, region.end, region.segment});
  return result;
}

using Pieces = std::vector<Piece>;

TEST(Ranges, GiveWhatIsClaimedAndKeepTheRest) {
  const auto [pieces, rest] =
      carved({{.begin = 100, .end = 200, .segment = 1}, {.begin = 300, .end = 400, .segment = 2}},
             {{.begin = 350, .end = 360, .owner = 3},
              {.begin = 110, .end = 120, .owner = 1},
              {.begin = 190, .end = 310, .owner = 2}});
  EXPECT_EQ(pieces, (Pieces{{110, 120, 1}, {190, 200, 2}, {300, 310, 2}, {350, 360, 3}}));
  EXPECT_EQ(rest, (Pieces{{100, 110, 1}, {120, 190, 1}, {310, 350, 2}, {360, 400, 2}}));
}

TEST(Ranges, OfOverlappingClaimsTheFirstAndLongestHasTheBytes) {
  const auto [pieces, rest] = carved({{.begin = 0, .end = 100}}, {{.begin = 10, .end = 20, .owner = 1},
                                                                  {.begin = 10, .end = 30, .owner = 2},
                                                                  {.begin = 15, .end = 25, .owner = 3},
                                                                  {.begin = 25, .end = 40, .owner = 4}});
  EXPECT_EQ(pieces, (Pieces{{10, 30, 2}, {30, 40, 4}}));
  EXPECT_EQ(rest, (Pieces{{0, 10, 0}, {40, 100, 0}}));
}

TEST(Ranges, OfEqualClaimsTheLowestRankCounts) {
  const auto [pieces, rest] = carved({{.begin = 0, .end = 10}}, {{.begin = 0, .end = 10, .owner = 1, .rank = 5},
                                                                 {.begin = 0, .end = 10, .owner = 2, .rank = 4}});
  EXPECT_EQ(pieces, (Pieces{{0, 10, 2}}));
  EXPECT_TRUE(rest.empty());
}

TEST(Ranges, ClaimsMayLieAnywhere) {
  const std::vector<Region> regions{{.begin = 100, .end = 200}, {.begin = UINT64_MAX - 10, .end = UINT64_MAX}};
  const auto [pieces, rest] = carved(regions, {{.begin = 0, .end = 50, .owner = 1},
                                               {.begin = 210, .end = 220, .owner = 2},
                                               {.begin = 5, .end = 5, .owner = 3},
                                               {.begin = 9, .end = 3, .owner = 4},
                                               {.begin = UINT64_MAX - 5, .end = UINT64_MAX, .owner = 5}});
  EXPECT_EQ(pieces, (Pieces{{UINT64_MAX - 5, UINT64_MAX, 5}}));
  EXPECT_EQ(rest, (Pieces{{100, 200, 0}, {UINT64_MAX - 10, UINT64_MAX - 5, 0}}));
  EXPECT_EQ(carved(regions, {{.begin = 0, .end = UINT64_MAX, .owner = 1}}).rest, Pieces{});
  EXPECT_EQ(carved({}, {{.begin = 0, .end = UINT64_MAX, .owner = 1}}).pieces, Pieces{});
}

// Compared with an assignment byte by byte.
TEST(Ranges, EachByteIsGivenOrKeptOnce) {
  std::mt19937 random{1};
  constexpr std::uint64_t kSize = 64;
  for (int round = 0; round < 2000; ++round) {
    std::vector<Region> regions;
    for (std::uint64_t at = random() % 8; at < kSize; at += random() % 5) {
      const auto end = at + 1 + random() % 12;
      regions.push_back({.begin = at, .end = end});
      at = end;
    }
    std::vector<Claim> claims(random() % 12);
    for (std::uint32_t i = 0; i < claims.size(); ++i) {
      const auto begin = random() % kSize;
      claims[i] = {.begin = begin, .end = begin + random() % 20, .owner = i, .rank = i};
    }
    const auto [pieces, rest] = carved(regions, claims);
    std::vector<int> given(kSize * 2), kept(kSize * 2), is_there(kSize * 2), claimed(kSize * 2);
    const auto count = [](std::vector<int>& counts, std::uint64_t begin, std::uint64_t end) {
      for (auto at = begin; at < end; ++at) ++counts[at];
    };
    for (const auto& region : regions) count(is_there, region.begin, region.end);
    for (const auto& claim : claims) count(claimed, claim.begin, claim.end);
    for (const auto& piece : pieces) {
      count(given, piece.begin, piece.end);
      EXPECT_LE(claims[piece.owner].begin, piece.begin);
      EXPECT_GE(claims[piece.owner].end, piece.end);
    }
    for (const auto& piece : rest) count(kept, piece.begin, piece.end);
    for (std::size_t at = 0; at < given.size(); ++at) {
      ASSERT_EQ(given[at], is_there[at] != 0 && claimed[at] != 0 ? 1 : 0) << round << ' ' << at;
      ASSERT_EQ(kept[at], is_there[at] != 0 && claimed[at] == 0 ? 1 : 0) << round << ' ' << at;
    }
  }
}

}  // namespace
}  // namespace hermitage::inspect
