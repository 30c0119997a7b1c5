// Takes the gzip off an image: RFC 1952, without a heap. hermitage::image::gunzip is the same for programs, and decides
// alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/loader/failure.hpp"

namespace hermitage::loader {

// What the file says at its end: the size of its last member without gzip, modulo 4 GiB. 0 for what is too short, and
// too little where zeros follow.
[[nodiscard]] auto stated_size_of_gzip(std::span<const std::byte> file) noexcept -> std::uint64_t;

// Gives how many bytes of `output` it has filled; nothing when there are more to come than there is room. Every check
// sum and every length is checked. Several members may follow one another, and zeros the last one; nothing else may.
// The output must not overlap the file.
[[nodiscard]] auto gunzip(std::span<const std::byte> file, std::span<std::byte> output) noexcept
    -> Result<std::optional<std::size_t>>;

}  // namespace hermitage::loader
