// Reads TOML 1.0 where it lies, without a heap, as far as configurations need it: tables and pairs, of texts of one
// line, decimal whole numbers, booleans, and arrays of these. All else is refused with a sentence.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "hermitage/loader/failure.hpp"

namespace hermitage::loader {

// A text, or a key: what stands in the quotation marks, known to be right.
class TomlText {
 public:
  constexpr TomlText() noexcept = default;
  constexpr TomlText(std::string_view written, bool has_escapes) noexcept
      : written_{written}, has_escapes_{has_escapes} {}

  [[nodiscard]] auto operator==(std::string_view text) const noexcept -> bool;
  [[nodiscard]] auto operator==(const TomlText& other) const noexcept -> bool;

  // In bytes, of what is meant.
  [[nodiscard]] auto size() const noexcept -> std::size_t;

 private:
  friend class TomlBytes;

  std::string_view written_;
  bool has_escapes_ = false;
};

// The bytes that a text means, one after another.
class TomlBytes {
 public:
  explicit TomlBytes(const TomlText& text) noexcept : rest_{text.written_}, has_escapes_{text.has_escapes_} {}

  // Nothing at the end.
  [[nodiscard]] auto next() noexcept -> std::optional<char>;

 private:
  std::string_view rest_;
  std::uint32_t pending_ = 0;  // bytes of a character that are still to come, the first one lowest
  bool has_escapes_;
};

struct TomlValue {
  enum class Kind : std::uint8_t { text, number, boolean, array };

  Kind kind = Kind::array;
  TomlText text = {};
  std::uint64_t number = 0;
  // Of an array.
  std::string_view elements = {};  // as they are written
  std::size_t element_count = 0;
  bool has_only_texts = true;
};

// The texts of an array that has only texts.
class TomlTexts {
 public:
  TomlTexts() noexcept = default;
  explicit TomlTexts(std::string_view elements) noexcept : elements_{elements} {}

  // Takes the first one off; nothing at the end.
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

  // Makes item() the next one; false at the end.
  [[nodiscard]] auto next() noexcept -> Result<bool>;

  [[nodiscard]] auto item() const noexcept -> const TomlItem& { return item_; }

  // Where the reader stands, counted from 1.
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
