// UTF-8 validation.
#pragma once

#include <string_view>

namespace hermitage::entry {

// Whether a string is UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] auto is_utf8(std::string_view text) noexcept -> bool;

}  // namespace hermitage::entry
