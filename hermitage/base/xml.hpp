// Text in XML documents.
#pragma once

#include <string>
#include <string_view>

namespace hermitage::base {

// `text` for the content of an element or for an attribute in double quotes: with entities for the characters &, <, >
// and ". Control characters do not change, and most of them may not be in a document.
[[nodiscard]] auto escape_xml(std::string_view text) -> std::string;

}  // namespace hermitage::base
