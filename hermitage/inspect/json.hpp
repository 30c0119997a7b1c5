// Output of JSON with untrusted strings.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// JSON with keys in the order of their insertion.
using Json = nlohmann::ordered_json;

// Returns indented UTF-8 without a newline at the end. Replaces bytes that are not UTF-8 by U+FFFD, and escapes
// control characters, which could control a terminal.
[[nodiscard]] auto dump(const Json& json) -> std::string;

// Writes a document in pieces, in the same format as dump().
class JsonWriter {
 public:
  explicit JsonWriter(const Sink& sink) : sink_{sink} {}

  // Adds a member to the current object, or an element to the current array.
  void member(std::string_view key, const Json& value);
  void element(const Json& value);

  // Adds a value that is written in pieces: open_object() or open_array(), optionally with a key, and then close().
  // The whole document is one such value.
  void open_object();
  void open_array();
  void open_array(std::string_view key);
  void open_object(std::string_view key);
  void close();

 private:
  struct Level {
    char end;
    bool is_empty = true;
  };
  void begin_item();
  void begin_member(std::string_view key);
  void put(const Json& value);
  void open(char start, char end);
  [[nodiscard]] auto new_line() const -> std::string;

  const Sink& sink_;
  std::vector<Level> levels_;
};

}  // namespace hermitage::inspect
