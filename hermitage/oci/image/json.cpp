#include "hermitage/oci/image/json.hpp"

#include <algorithm>
#include <limits>

namespace hermitage::oci {
namespace {

// The deepest nesting of a text, whether or not it is JSON.
auto depth_of(std::string_view text) -> std::size_t {
  std::size_t depth = 0;
  std::size_t deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char character = text[i];
    if (in_string) {
      if (character == '\\') ++i;
      if (character == '"') in_string = false;
      continue;
    }
    if (character == '"') in_string = true;
    if (character == '{' || character == '[') deepest = std::max(deepest, ++depth);
    if ((character == '}' || character == ']') && depth > 0) --depth;
  }
  return deepest;
}

}  // namespace

auto parse_json(std::string_view text) -> std::optional<Json> {
  if (depth_of(text) > kMaxDepth) return std::nullopt;
  auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return std::nullopt;
  return json;
}

auto to_text(const Json& json) -> std::string {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

auto member(const Json& json, std::string_view key) -> const Json* {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(std::string{key});
  return found == json.end() ? nullptr : &*found;
}

auto member(const Json& json, std::initializer_list<std::string_view> keys) -> const Json* {
  const auto* found = &json;
  for (const auto key : keys) {
    found = member(*found, key);
    if (found == nullptr) return nullptr;
  }
  return found;
}

auto string_of(const Json* json) -> std::string {
  return json != nullptr && json->is_string() ? json->get_ref<const std::string&>() : std::string{};
}

auto integer_of(const Json* json) -> std::optional<std::int64_t> {
  if (json == nullptr || !json->is_number_integer()) return std::nullopt;
  if (json->is_number_unsigned() && json->get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return json->get<std::int64_t>();
}

auto is_true(const Json* json) -> bool {
  return json != nullptr && json->is_boolean() && json->get<bool>();
}

auto strings_of(const Json* json) -> std::vector<std::string> {
  std::vector<std::string> strings;
  for (const auto* const element : elements_of(json)) {
    if (element->is_string()) strings.push_back(element->get_ref<const std::string&>());
  }
  return strings;
}

auto elements_of(const Json* json) -> std::vector<const Json*> {
  std::vector<const Json*> elements;
  if (json == nullptr || !json->is_array()) return elements;
  for (const auto& element : *json) elements.push_back(&element);
  return elements;
}

}  // namespace hermitage::oci
