// Parses any string as a version. The text of the result must parse to the same version.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "hermitage/entry/version.hpp"

extern "C" auto LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) -> int {  // NOLINT
  using hermitage::entry::HermitVersion;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto version = HermitVersion::parse(text);
  if (!version) return 0;
  if (HermitVersion::parse(version->text().view()) != version) __builtin_trap();
  // A version consists of digits and dots only.
  if (text.find_first_not_of("0123456789.") != std::string_view::npos) __builtin_trap();
  return 0;
}
