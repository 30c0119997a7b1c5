// How much memory a guest can have, whatever machine it gets.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace hermitage::base {

inline constexpr std::uint64_t kMemoryUnit = std::uint64_t{2} << 20;  // a guest's memory is a multiple of it
inline constexpr std::uint64_t kLeastMemory = std::uint64_t{16} << 20;
inline constexpr std::uint64_t kDefaultMemory = std::uint64_t{64} << 20;
// With a network: Hermit's servers do not start with less. The host provides what is touched.
inline constexpr std::uint64_t kDefaultMemoryWithNetwork = std::uint64_t{256} << 20;

// The error is a sentence that says what a size in bytes lacks.
[[nodiscard]] auto check_memory_size(std::uint64_t size) -> std::expected<void, std::string>;

}  // namespace hermitage::base
