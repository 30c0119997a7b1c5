// The format of hypercall arguments in traces.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/vmm/files/file_result.hpp"

namespace hermitage::vmm {

// Traces show only the start of a string.
inline constexpr std::size_t kTracedBytes = 64;

// Adds quotes, and escapes control characters and non-ASCII characters.
[[nodiscard]] auto quoted(std::string_view text) -> std::string;
[[nodiscard]] auto quoted(const FileResult<std::string>& text) -> std::string;
[[nodiscard]] auto quoted(const std::vector<std::string>& texts) -> std::string;

// The flags of open(2), by name.
[[nodiscard]] auto flags_text(std::int32_t flags) -> std::string;

}  // namespace hermitage::vmm
