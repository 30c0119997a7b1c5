// Demangling of symbol names.
#pragma once

#include <string>
#include <string_view>

namespace hermitage::inspect {

// Demangles a name of Rust (v0 or legacy) or C++. Returns other names unchanged, and also names longer than 16 KiB,
// names whose demangled form would be longer than 64 KiB, and malicious names that would take very long.
[[nodiscard]] auto demangle(std::string_view symbol) -> std::string;

}  // namespace hermitage::inspect
