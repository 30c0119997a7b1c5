// Writing JSON that may hold anybody's bytes.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace hermitage::inspect {

// Keeps the order of its keys.
using Json = nlohmann::ordered_json;

// Indented, in UTF-8, without a newline at the end. Bytes that are not UTF-8 become U+FFFD, and no control character
// is left that could steer a terminal.
[[nodiscard]] auto dump(const Json& json) -> std::string;

}  // namespace hermitage::inspect
