// Reading what the user names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace hermitage::cli {

// The largest file that is read, in bytes.
inline constexpr std::size_t kMaxFileSize = std::size_t{1} << 30;

// The whole file, or standard input for "-". The error is a sentence without the file's name. The file is read,
// not mapped: one that shrinks meanwhile must not kill the program.
[[nodiscard]] auto read_file(const std::string& path) -> std::expected<std::vector<std::byte>, std::string>;

}  // namespace hermitage::cli
