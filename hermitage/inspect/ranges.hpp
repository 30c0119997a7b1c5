// Assignment of byte ranges to owners.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

namespace hermitage::inspect {

// The bytes [begin, end) of the loaded kernel, or of the file.
struct Region {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t segment = 0;  // index of its program header
  bool is_zero = false;       // not in the file
  bool is_code = false;

  [[nodiscard]] auto size() const -> std::uint64_t { return end - begin; }
};

// The range [begin, end) belongs to `owner`. Of overlapping claims, the one that begins first gets the bytes. Of
// claims with the same beginning, the longest gets them; of equal claims, the one with the lowest rank.
struct Claim {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t owner = 0;
  std::uint32_t rank = 0;
};

// Calls give(const Region& piece, const Claim&) for each claimed piece of the regions, in ascending order, and
// returns the rest. `regions` must be in ascending order and not overlap. The function sorts `claims`. It takes n log
// n time, and makes at most as many calls as there are regions and claims.
template <class Give>
auto carve(const std::vector<Region>& regions, std::vector<Claim>& claims, Give give) -> std::vector<Region> {
  std::ranges::sort(claims, {},
                    [](const Claim& claim) { return std::tuple{claim.begin, UINT64_MAX - claim.end, claim.rank}; });
  std::vector<Region> rest;
  std::size_t at = 0;
  const auto keep = [&rest](Region region, std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return;
    region.begin = begin;
    region.end = end;
    rest.push_back(region);
  };
  std::uint64_t done = 0;  // all bytes below this are assigned or in the rest
  for (const auto& claim : claims) {
    const auto begin = std::max(claim.begin, done);
    if (begin >= claim.end) continue;
    for (; at < regions.size() && regions[at].end <= begin; ++at) {
      keep(regions[at], std::max(regions[at].begin, done), regions[at].end);
    }
    for (; at < regions.size() && regions[at].begin < claim.end; ++at) {
      auto piece = regions[at];
      piece.begin = std::max(begin, regions[at].begin);
      piece.end = std::min(claim.end, regions[at].end);
      keep(regions[at], std::max(regions[at].begin, done), piece.begin);
      give(piece, claim);
      if (claim.end < regions[at].end) break;
    }
    done = claim.end;
  }
  for (; at < regions.size(); ++at) keep(regions[at], std::max(regions[at].begin, done), regions[at].end);
  return rest;
}

}  // namespace hermitage::inspect
