// JSON from container engines. It is untrusted: no function here throws for any bytes, apart from std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace hermitage::oci {

// Objects keep the order of their keys. Numbers without fraction and exponent are 64-bit integers.
using Json = nlohmann::ordered_json;

// Deeper documents are not read, because writing them is recursive. Go reads 10,000 levels; no configuration has 20.
inline constexpr std::size_t kMaxDepth = 256;

// Nothing if the text is not JSON in UTF-8, or deeper than kMaxDepth.
[[nodiscard]] auto parse_json(std::string_view text) -> std::optional<Json>;

// Replaces invalid UTF-8, and ends without a newline.
[[nodiscard]] auto to_text(const Json& json) -> std::string;

// A member of an object; null if this is not an object, or has no such member. The second function follows several
// keys.
[[nodiscard]] auto member(const Json& json, std::string_view key) -> const Json*;
[[nodiscard]] auto member(const Json& json, std::initializer_list<std::string_view> keys) -> const Json*;

// The values of these types; anything else, and null, gives nothing or an empty value.
[[nodiscard]] auto string_of(const Json* json) -> std::string;
[[nodiscard]] auto integer_of(const Json* json) -> std::optional<std::int64_t>;
[[nodiscard]] auto is_true(const Json* json) -> bool;
// The elements of an array that are strings.
[[nodiscard]] auto strings_of(const Json* json) -> std::vector<std::string>;
// The elements of an array.
[[nodiscard]] auto elements_of(const Json* json) -> std::vector<const Json*>;

}  // namespace hermitage::oci
