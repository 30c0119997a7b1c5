// The memory sizes that a guest can have, on any machine.
#pragma once

#include <cstdint>

#include "hermitage/base/invalid_value.hpp"

namespace hermitage::base {

inline constexpr std::uint64_t kMemoryUnit = std::uint64_t{2} << 20;  // a guest's memory is a multiple of this size
inline constexpr std::uint64_t kLeastMemory = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kDefaultMemory = std::uint64_t{64} << 20;
// Default with a network: Hermit's servers do not start with less. The host allocates only touched pages.
inline constexpr std::uint64_t kDefaultMemoryWithNetwork = std::uint64_t{256} << 20;

// Checks a size in bytes.
[[nodiscard]] auto check_memory_size(std::uint64_t size) -> OrInvalid<void>;

}  // namespace hermitage::base
