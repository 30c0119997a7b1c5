// Symbol names as their authors wrote them.
#pragma once

#include <string>
#include <string_view>

namespace hermitage::inspect {

// The name behind a mangled one of Rust (v0 or legacy) or C++. Any other name comes back as it is, and so does one
// that is longer than 16 KiB, whose demangled form would be longer than 64 KiB, or that would take very long, as
// hostile ones can.
[[nodiscard]] auto demangle(std::string_view symbol) -> std::string;

}  // namespace hermitage::inspect
