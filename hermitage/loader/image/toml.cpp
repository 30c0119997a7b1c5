#include "hermitage/loader/image/toml.hpp"

#include "hermitage/entry/text.hpp"
#include "hermitage/entry/utf8.hpp"

namespace hermitage::loader {
namespace {

auto is_digit(char character) noexcept -> bool {
  return character >= '0' && character <= '9';
}

auto is_letter(char character) noexcept -> bool {
  const auto lower = character | 0x20;
  return lower >= 'a' && lower <= 'z';
}

// The number of characters at the beginning of the text that keys may contain without quotes.
auto bare_size(std::string_view text) noexcept -> std::size_t {
  std::size_t size = 0;
  while (size < text.size() &&
         (is_letter(text[size]) || is_digit(text[size]) || text[size] == '_' || text[size] == '-')) {
    ++size;
  }
  return size;
}

// TOML permits no other control characters than tabs and line ends.
auto is_control(char character) noexcept -> bool {
  const auto code = static_cast<unsigned char>(character);
  return (code < 0x20 && character != '\t') || code == 0x7f;
}

// The UTF-8 bytes of a character, the first one in the lowest bits. 0 if the number is not a character, and for 0.
auto utf8(std::uint32_t code) noexcept -> std::uint32_t {
  if ((code >= 0xd800 && code < 0xe000) || code > 0x10ffff) return 0;
  if (code < 0x80) return code;
  std::uint32_t bytes = 0;
  std::uint32_t most = 0x40;  // the limit for the remaining bits in the first byte
  std::uint32_t mark = 0x80;
  while (code >= most) {
    bytes = bytes << 8 | 0x80 | (code & 0x3f);
    code >>= 6;
    mark = mark >> 1 | 0x80;
    most >>= 1;
  }
  return bytes << 8 | mark | code;
}

// Removes an escape from the beginning of a text, at its backslash. Returns the bytes of its character, or 0 if it is
// invalid or NUL.
auto take_escape(std::string_view& text) noexcept -> std::uint32_t {
  constexpr std::string_view kLetters = "btnfr\"\\";
  constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
  if (text.size() < 2) return 0;
  const char letter = text[1];
  text.remove_prefix(2);
  const auto index = entry::index_of(kLetters, letter);
  if (index < kLetters.size()) return static_cast<unsigned char>(kMeanings[index]);
  const std::size_t digits = letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
  if (digits == 0 || text.size() < digits) return 0;
  std::uint32_t code = 0;
  for (const char digit : text.substr(0, digits)) {
    const auto lower = digit | 0x20;
    if (!is_digit(digit) && (lower < 'a' || lower > 'f')) return 0;
    code = code << 4 | static_cast<std::uint32_t>(is_digit(digit) ? digit - '0' : lower - 'a' + 10);
  }
  text.remove_prefix(digits);
  return utf8(code);
}

}  // namespace

auto TomlText::operator==(std::string_view text) const noexcept -> bool {
  TomlBytes bytes{*this};
  for (const char byte : text) {
    if (bytes.next() != byte) return false;
  }
  return !bytes.next();
}

auto TomlText::operator==(const TomlText& other) const noexcept -> bool {
  TomlBytes bytes{*this};
  TomlBytes others{other};
  for (;;) {
    const auto byte = bytes.next();
    if (byte != others.next()) return false;
    if (!byte) return true;
  }
}

auto TomlText::size() const noexcept -> std::size_t {
  TomlBytes bytes{*this};
  std::size_t size = 0;
  while (bytes.next()) ++size;
  return size;
}

auto TomlBytes::next() noexcept -> std::optional<char> {
  if (pending_ == 0) {
    if (rest_.empty()) return std::nullopt;
    if (has_escapes_ && rest_.front() == '\\') {
      pending_ = take_escape(rest_);
    } else {
      pending_ = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
    }
  }
  const auto byte = static_cast<char>(pending_ & 0xff);
  pending_ >>= 8;
  return byte;
}

auto TomlTexts::next() noexcept -> std::optional<TomlText> {
  TomlReader reader{elements_};
  TomlText text;
  if (!reader.skip_lines() || reader.rest_.empty() || !reader.read_text(text)) return std::nullopt;
  if (reader.skip_lines()) (void)reader.take(',');
  elements_ = reader.rest_;
  return text;
}

auto TomlReader::line() const noexcept -> std::uint64_t {
  std::uint64_t line = 1;
  for (const char character : toml_.substr(0, toml_.size() - rest_.size())) line += character == '\n' ? 1 : 0;
  return line;
}

auto TomlReader::next() noexcept -> Result<bool> {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (rest_.size() == toml_.size()) {
    if (!entry::is_utf8(toml_)) return failure("is not UTF-8");
    if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  }
  if (const auto skipped = skip_lines(); !skipped) return std::unexpected{skipped.error()};
  if (rest_.empty()) return false;
  if (const auto read = read_item(); !read) return std::unexpected{read.error()};
  skip_spaces();
  if (const auto skipped = skip_comment(); !skipped) return std::unexpected{skipped.error()};
  if (!rest_.empty() && !rest_.starts_with('\n') && !rest_.starts_with("\r\n")) {
    return failure("unexpected characters at the end of the line");
  }
  return true;
}

auto TomlReader::take(char wanted) noexcept -> bool {
  if (!rest_.starts_with(wanted)) return false;
  rest_.remove_prefix(1);
  return true;
}

void TomlReader::skip_spaces() noexcept {
  while (take(' ') || take('\t')) continue;
}

auto TomlReader::skip_comment() noexcept -> Result<void> {
  if (!rest_.starts_with('#')) return {};
  while (!rest_.empty() && !rest_.starts_with('\n') && !rest_.starts_with("\r\n")) {
    if (is_control(rest_.front())) return failure("a control character in a comment");
    rest_.remove_prefix(1);
  }
  return {};
}

// Skips everything that may be between two lines, or between two elements of an array.
auto TomlReader::skip_lines() noexcept -> Result<void> {
  for (;;) {
    skip_spaces();
    if (const auto skipped = skip_comment(); !skipped) return skipped;
    if (rest_.starts_with("\r\n")) rest_.remove_prefix(1);
    if (!take('\n')) return {};
  }
}

auto TomlReader::read_item() noexcept -> Result<void> {
  item_.is_table = take('[');
  skip_spaces();
  if (const auto read = read_key(); !read) return read;
  skip_spaces();
  if (item_.is_table) {
    if (!take(']')) return failure("this loader supports only tables with simple names, as in [input]");
    return {};
  }
  if (rest_.starts_with('.')) return failure("this loader supports only keys with simple names");
  if (!take('=')) return failure("a key without a value");
  skip_spaces();
  item_.value = {};
  return take('[') ? read_array(item_.value) : read_scalar(item_.value);
}

auto TomlReader::read_key() noexcept -> Result<void> {
  if (rest_.starts_with('"') || rest_.starts_with('\'')) return read_text(item_.name);
  const auto size = bare_size(rest_);
  if (size == 0) return failure("neither a table nor a key");
  item_.name = TomlText{rest_.substr(0, size), false};
  rest_.remove_prefix(size);
  return {};
}

auto TomlReader::read_text(TomlText& text) noexcept -> Result<void> {
  const char quote = rest_.front();
  const bool has_escapes = quote == '"';
  const auto whole = rest_;
  rest_.remove_prefix(1);
  if (rest_.size() >= 2 && rest_[0] == quote && rest_[1] == quote) {
    return failure("this loader does not support multi-line strings");
  }
  while (!rest_.starts_with(quote)) {
    if (rest_.empty() || is_control(rest_.front()))
      return failure("a string with a control character, or without an end");
    if (!has_escapes || rest_.front() != '\\') {
      rest_.remove_prefix(1);
    } else if (take_escape(rest_) == 0) {
      return failure("an invalid escape sequence");
    }
  }
  text = TomlText{whole.substr(1, whole.size() - rest_.size() - 1), has_escapes};
  rest_.remove_prefix(1);
  return {};
}

auto TomlReader::read_scalar(TomlValue& value) noexcept -> Result<void> {
  if (rest_.starts_with('"') || rest_.starts_with('\'')) {
    value.kind = TomlValue::Kind::text;
    return read_text(value.text);
  }
  const auto word = rest_.substr(0, bare_size(rest_));
  rest_.remove_prefix(word.size());
  value.kind = word == "true" || word == "false" ? TomlValue::Kind::boolean : TomlValue::Kind::number;
  if (value.kind == TomlValue::Kind::boolean) return {};
  bool is_number = !word.empty() && (word.size() == 1 || word.front() != '0');
  value.number = 0;
  for (const char character : word) {
    constexpr std::uint64_t kTooLarge = std::uint64_t{1} << 40;
    is_number = is_number && is_digit(character) && value.number < kTooLarge;
    value.number = value.number * 10 + static_cast<std::uint64_t>(character - '0');
  }
  if (is_number) return {};
  return failure("this loader supports only strings, decimal integers, booleans, and arrays of them");
}

auto TomlReader::read_array(TomlValue& value) noexcept -> Result<void> {
  value.kind = TomlValue::Kind::array;
  const auto whole = rest_;
  TomlValue element;
  for (;;) {
    if (const auto skipped = skip_lines(); !skipped) return skipped;
    value.elements = whole.substr(0, whole.size() - rest_.size());
    if (take(']')) return {};
    if (const auto read = read_scalar(element); !read) return read;
    ++value.element_count;
    value.has_only_texts = value.has_only_texts && element.kind == TomlValue::Kind::text;
    if (const auto skipped = skip_lines(); !skipped) return skipped;
    if (!take(',') && !rest_.starts_with(']'))
      return failure("an array without a comma between elements, or without an end");
  }
}

}  // namespace hermitage::loader
