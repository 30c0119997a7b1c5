// The terminal or file that shows a text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hermitage::inspect {

enum class Colour : bool { off, on };
enum class Charset : bool { ascii, utf8 };

struct Display {
  // The width of a text for a file or a pipe.
  static constexpr std::size_t kDefaultColumns = 80;

  Colour colour = Colour::off;
  Charset charset = Charset::utf8;
  std::size_t columns = kDefaultColumns;  // width of a line; only drawings depend on it
};

// Returns `text`, which is UTF-8, in ASCII: similar characters for those that the reports draw with ("#" for "█", "..."
// for "…"), and \xNN for each byte of all others.
[[nodiscard]] auto to_ascii(std::string_view text) -> std::string;

}  // namespace hermitage::inspect
