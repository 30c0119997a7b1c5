// Reading and writing a descriptor whole, in as many system calls as that takes.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <vector>

namespace hermitage::base {

// Writes all of the bytes. Continues after a signal. The error is errno's.
[[nodiscard]] auto write_all(int descriptor, std::span<const std::byte> bytes) noexcept -> std::expected<void, int>;

// Reads until the buffer is full, or up to the end. Continues after a signal. Returns how many bytes it read; the error
// is errno's.
[[nodiscard]] auto read_full(int descriptor, std::span<std::byte> buffer) noexcept -> std::expected<std::size_t, int>;

// Reads from where the descriptor stands up to the end: of a file, a pipe or a device. The error is errno's, or EFBIG
// when there are more bytes than `most`; of a regular file, that is known before anything is read.
[[nodiscard]] auto read_all(int descriptor, std::size_t most) -> std::expected<std::vector<std::byte>, int>;

}  // namespace hermitage::base
