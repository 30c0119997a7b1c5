// Reads TOML 1.0 in place, without a heap. Supports the parts that configurations need: tables, and pairs of keys and
// values. Values are one-line strings, decimal integers, booleans, and arrays of these. Everything else fails with a
// sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/loader/failure.hpp"

namespace hermitage::loader {

// A string or a key: the validated content of the quotes.
class TomlText {
 public:
  constexpr TomlText() noexcept = default;
  constexpr TomlText(std::string_view written, bool has_escapes) noexcept
      : written_{written}, has_escapes_{has_escapes} {}

  [[nodiscard]] auto operator==(std::string_view text) const noexcept -> bool;
  [[nodiscard]] auto operator==(const TomlText& other) const noexcept -> bool;

  // The size of the decoded string, in bytes.
  [[nodiscard]] auto size() const noexcept -> std::size_t;

 private:
  friend class TomlBytes;

  std::string_view written_;
  bool has_escapes_ = false;
};

// Iterates over the bytes of a decoded string.
class TomlBytes {
 public:
  explicit TomlBytes(const TomlText& text) noexcept : rest_{text.written_}, has_escapes_{text.has_escapes_} {}

  // Returns nothing at the end.
  [[nodiscard]] auto next() noexcept -> std::optional<char>;

 private:
  std::string_view rest_;
  std::uint32_t pending_ = 0;  // remaining bytes of a character, the next one in the lowest bits
  bool has_escapes_;
};

struct TomlValue {
  enum class Kind : std::uint8_t { text, number, boolean, array };

  Kind kind = Kind::array;
  TomlText text = {};
  std::uint64_t number = 0;
  // For an array.
  std::string_view elements = {};  // as written in the file
  std::size_t element_count = 0;
  bool has_only_texts = true;
};

// The strings of an array that contains only strings.
class TomlTexts {
 public:
  TomlTexts() noexcept = default;
  explicit TomlTexts(std::string_view elements) noexcept : elements_{elements} {}

  // Removes the first string and returns it. Returns nothing at the end.
  [[nodiscard]] auto next() noexcept -> std::optional<TomlText>;

 private:
  std::string_view elements_;
};

struct TomlItem {
  bool is_table = false;  // [name], or name = value
  TomlText name = {};
  TomlValue value = {};
};

class TomlReader {
 public:
  explicit TomlReader(std::string_view toml) noexcept : toml_{toml}, rest_{toml} {}

  // Reads the next item into item(). Returns false at the end.
  [[nodiscard]] auto next() noexcept -> Result<bool>;

  [[nodiscard]] auto item() const noexcept -> const TomlItem& { return item_; }

  // The current line, counted from 1.
  [[nodiscard]] auto line() const noexcept -> std::uint64_t;

 private:
  friend class TomlTexts;

  [[nodiscard]] auto take(char wanted) noexcept -> bool;
  void skip_spaces() noexcept;
  [[nodiscard]] auto skip_comment() noexcept -> Result<void>;
  [[nodiscard]] auto skip_lines() noexcept -> Result<void>;
  [[nodiscard]] auto read_item() noexcept -> Result<void>;
  [[nodiscard]] auto read_key() noexcept -> Result<void>;
  [[nodiscard]] auto read_text(TomlText& text) noexcept -> Result<void>;
  [[nodiscard]] auto read_scalar(TomlValue& value) noexcept -> Result<void>;
  [[nodiscard]] auto read_array(TomlValue& value) noexcept -> Result<void>;

  std::string_view toml_;
  std::string_view rest_;
  TomlItem item_;
};

}  // namespace hermitage::loader
