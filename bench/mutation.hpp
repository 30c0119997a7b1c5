// Damages an ELF file where it matters.
#pragma once

#include <cstddef>
#include <random>
#include <span>
#include <vector>

namespace hermitage::bench {

// std::mt19937_64 gives the same numbers everywhere; the distributions of the standard library need not.
using Random = std::mt19937_64;

// Changes one or two integers in the headers, the notes, the dynamic section or the tables that this one names.
// `elf` is an ELF file that can be opened.
[[nodiscard]] auto mutate(std::span<const std::byte> elf, Random& random) -> std::vector<std::byte>;

}  // namespace hermitage::bench
