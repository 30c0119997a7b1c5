// What traces say of a hypercall's arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hermitage/vmm/files/file_result.hpp"

namespace hermitage::vmm {

// Traces show the beginning of a string only.
inline constexpr std::size_t kTracedBytes = 64;

// In quotes; what could steer a terminal, and what is not ASCII, is escaped.
[[nodiscard]] auto quoted(std::string_view text) -> std::string;
[[nodiscard]] auto quoted(const FileResult<std::string>& text) -> std::string;
[[nodiscard]] auto quoted(const std::vector<std::string>& texts) -> std::string;

// The flags of open(2), with their names.
[[nodiscard]] auto flags_text(std::int32_t flags) -> std::string;

}  // namespace hermitage::vmm
