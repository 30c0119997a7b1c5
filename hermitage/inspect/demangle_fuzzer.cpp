// Demangles any name. The result is the name itself, or has a limited size.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hermitage/inspect/demangle.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  constexpr std::size_t kMaxDemangled = 65536;
  const std::string_view name{reinterpret_cast<const char*>(data), size};
  const auto demangled = hermitage::inspect::demangle(name);
  if (demangled != name) {
    if (demangled.empty() || demangled.size() > kMaxDemangled) __builtin_trap();
    // Programs only contain mangled names with these prefixes.
    if (!name.starts_with('_')) __builtin_trap();
  }
  if (hermitage::inspect::demangle(name) != demangled) __builtin_trap();
  return 0;
}
