#include "hermitage/inspect/json.hpp"

#include <fmt/format.h>

namespace hermitage::inspect {

auto dump(const Json& json) -> std::string {
  constexpr char kDelete = 0x7f;
  const auto text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  std::string harmless;
  harmless.reserve(text.size());
  // The JSON library escapes only control characters below U+0020. DEL and U+0080 to U+009F remain.
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

auto JsonWriter::new_line() const -> std::string {
  constexpr std::size_t kIndent = 2;
  return "\n" + std::string(kIndent * levels_.size(), ' ');
}

void JsonWriter::begin_item() {
  if (levels_.empty()) return;
  sink_((levels_.back().is_empty ? "" : ",") + new_line());
  levels_.back().is_empty = false;
}

void JsonWriter::begin_member(std::string_view key) {
  begin_item();
  sink_(dump(Json(key)) + ": ");
}

// Newlines in strings are escaped, so each newline here is a line break.
void JsonWriter::put(const Json& value) {
  const auto indent = new_line();
  std::string text;
  for (const char character : dump(value)) {
    if (character == '\n') {
      text += indent;
    } else {
      text += character;
    }
  }
  sink_(text);
}

void JsonWriter::member(std::string_view key, const Json& value) {
  begin_member(key);
  put(value);
}

void JsonWriter::element(const Json& value) {
  begin_item();
  put(value);
}

void JsonWriter::open(char start, char end) {
  sink_({&start, 1});
  levels_.push_back({.end = end});
}

void JsonWriter::open_object() {
  begin_item();
  open('{', '}');
}

void JsonWriter::open_array() {
  begin_item();
  open('[', ']');
}

void JsonWriter::open_array(std::string_view key) {
  begin_member(key);
  open('[', ']');
}

void JsonWriter::open_object(std::string_view key) {
  begin_member(key);
  open('{', '}');
}

void JsonWriter::close() {
  const auto level = levels_.back();
  levels_.pop_back();
  sink_((level.is_empty ? std::string{} : new_line()) + level.end);
}

}  // namespace hermitage::inspect
