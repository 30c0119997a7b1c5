// Writing JSON that may hold anybody's bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "hermitage/inspect/sink.hpp"

namespace hermitage::inspect {

// Keeps the order of its keys.
using Json = nlohmann::ordered_json;

// Indented, in UTF-8, without a newline at the end. Bytes that are not UTF-8 become U+FFFD, and no control character
// is left that could steer a terminal.
[[nodiscard]] auto dump(const Json& json) -> std::string;

// Writes a document piece by piece, as dump() writes it whole.
class JsonWriter {
 public:
  explicit JsonWriter(const Sink& sink) : sink_{sink} {}

  // A member of the present object, or an element of the present array.
  void member(std::string_view key, const Json& value);
  void element(const Json& value);

  // One that follows piece by piece: open_object(), open_array(), or either with a key; and close(). The whole document
  // is one.
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
