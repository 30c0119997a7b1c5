// For fuzz targets: what holds for every text that this module prints.
#pragma once

#include <cstddef>
#include <string_view>

namespace hermitage::inspect {

// Ends the program if the text could control a terminal, or has an incomplete last line. The only permitted control
// character is the newline. U+0080 to U+009F (C1) are control characters, too.
inline void check_text(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) __builtin_trap();
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) __builtin_trap();
  }
  if (!text.empty() && !text.ends_with('\n')) __builtin_trap();
}

}  // namespace hermitage::inspect
