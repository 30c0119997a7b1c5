// Reads and writes all of a file or buffer, with as many system calls as necessary.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <vector>

#include "hermitage/entry/compiler.hpp"

namespace hermitage::base {

// Writes all of the bytes. Continues after a signal. The error is an error number.
[[nodiscard]] auto write_all(int descriptor, std::span<const std::byte> bytes) noexcept -> std::expected<void, int>;

// Reads until the buffer is full, or the end is reached. Continues after a signal. Returns the number of bytes; the
// error is an error number.
[[nodiscard]] auto read_full(int descriptor, std::span<std::byte> buffer) noexcept -> std::expected<std::size_t, int>;

// Reads a file, a pipe or a device from its current offset to its end. The error is an error number; EFBIG if there are
// more than `most` bytes, which is checked before reading a regular file.
[[nodiscard]] auto read_all(int descriptor, std::size_t most) -> std::expected<std::vector<std::byte>, int>;

}  // namespace hermitage::base
