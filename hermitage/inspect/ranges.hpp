// Ranges of bytes, and those who claim them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <vector>

namespace hermitage::inspect {

// The bytes [begin, end) of an image, or of a file.
struct Region {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t segment = 0;  // its index among the program headers
  bool is_zero = false;       // not in the file
  bool is_code = false;

  [[nodiscard]] auto size() const -> std::uint64_t { return end - begin; }
};

// [begin, end) is of `owner`. Of claims that overlap, the one that begins first has the bytes, of those that begin
// together the longest, of equal ones that of the lowest rank.
struct Claim {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t owner = 0;
  std::uint32_t rank = 0;
};

// Calls give(const Region& piece, const Claim&) for each piece of the regions that somebody claims, in ascending order,
// and returns the rest. `regions` are in ascending order and do not overlap; `claims` are sorted here. Takes n log n
// time, and as many calls as there are regions and claims at most.
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
  std::uint64_t done = 0;  // what lies below is given or kept
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
