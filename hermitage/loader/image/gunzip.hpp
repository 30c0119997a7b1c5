// Decompresses gzip data (RFC 1952) without a heap. hermitage::image::gunzip does the same for programs, and accepts
// the same data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "hermitage/loader/failure.hpp"

namespace hermitage::loader {

// The size that the end of the file states: that of the last member without gzip, modulo 4 GiB. 0 if the file is too
// short. The value is too small if zeros follow the last member.
[[nodiscard]] auto stated_size_of_gzip(std::span<const std::byte> file) noexcept -> std::uint64_t;

// Returns the number of bytes written to `output`, or nothing if the output is too small. Checks all checksums and
// lengths. Accepts several members, and zeros after the last; refuses other data. The output must not overlap the
// file.
[[nodiscard]] auto gunzip(std::span<const std::byte> file, std::span<std::byte> output) noexcept
    -> Result<std::optional<std::size_t>>;

}  // namespace hermitage::loader
