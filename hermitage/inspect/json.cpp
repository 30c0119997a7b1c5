#include "hermitage/inspect/json.hpp"

#include <fmt/format.h>

namespace hermitage::inspect {

auto dump(const Json& json) -> std::string {
  constexpr char kDelete = 0x7f;
  const auto text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  std::string harmless;
  harmless.reserve(text.size());
  // Of the control characters JSON escapes only those below U+0020: DEL and U+0080 to U+009F are left.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_c1 = text[i] == '\xc2' && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (text[i] == kDelete) {
      harmless += "\\u007f";
    } else if (is_c1) {
      harmless += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++i]));
    } else {
      harmless += text[i];
    }
  }
  return harmless;
}

}  // namespace hermitage::inspect
