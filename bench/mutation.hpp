// Damages the relevant parts of an ELF file.
#pragma once

#include <cstddef>
#include <random>
#include <span>
#include <vector>

namespace hermitage::bench {

// std::mt19937_64 returns the same numbers on every platform. The distributions of the standard library may differ.
using Random = std::mt19937_64;

// Changes one or two integers in the headers, in the notes, in the dynamic section, or in the tables that it refers
// to. `elf` must be an ELF file that can be opened.
[[nodiscard]] auto mutate(std::span<const std::byte> elf, Random& random) -> std::vector<std::byte>;

}  // namespace hermitage::bench
