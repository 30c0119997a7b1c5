#include "hermitage/base/xml.hpp"

namespace hermitage::base {

auto escape_xml(std::string_view text) -> std::string {
  std::string escaped;
  for (const char character : text) {
    switch (character) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      default: escaped += character;
    }
  }
  return escaped;
}

}  // namespace hermitage::base
