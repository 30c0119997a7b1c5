#include "hermitage/loader/image/arguments.hpp"

#include "hermitage/entry/shell_word.hpp"
#include "hermitage/loader/command_line.hpp"

namespace hermitage::loader {
namespace {

constexpr std::string_view kVariable = "env=";

// Whether a boot loader would take the text as its own argument.
auto begins_as_loaders(const TomlText& text) noexcept -> bool {
  TomlBytes bytes{text};
  for (const char character : entry::kLoaderWordBeginning) {
    if (bytes.next() != character) return false;
  }
  return true;
}

class Writer {
 public:
  explicit Writer(std::span<char> room) noexcept : room_{room} {}

  void put(char character) noexcept {
    is_full_ = is_full_ || size_ == room_.size();
    if (!is_full_) room_[size_++] = character;
  }

  void put(std::string_view text) noexcept {
    for (const char character : text) put(character);
  }

  void put_separator() noexcept {
    if (size_ != 0 && room_[size_ - 1] != ' ') put(' ');
  }

  void put_word(std::string_view beginning, const TomlText& text) noexcept {
    put_separator();
    bool is_plain = (!beginning.empty() || text.size() != 0) && (!beginning.empty() || !begins_as_loaders(text));
    TomlBytes bytes{text};
    while (const auto byte = bytes.next()) is_plain = is_plain && entry::needs_no_quotes(*byte);
    if (!is_plain) put('\'');
    put(beginning);
    bytes = TomlBytes{text};
    while (const auto byte = bytes.next()) {
      if (*byte == '\'') put("'\\'");  // ends the quotes; the next byte begins them again
      put(*byte);
    }
    if (!is_plain) put('\'');
  }

  [[nodiscard]] auto text() const noexcept -> std::string_view { return {room_.data(), size_}; }
  [[nodiscard]] auto is_full() const noexcept -> bool { return is_full_; }

 private:
  std::span<char> room_;
  std::size_t size_ = 0;
  bool is_full_ = false;
};

// The user's line: the part before a word "--", and the part from it on.
struct UserLine {
  std::string_view kernel;
  std::string_view rest;
  bool has_arguments = false;
};

auto is_variable(std::string_view word) noexcept -> bool {
  return ShellCharacters{word}.take(kVariable);
}

auto split(std::string_view line, bool names_loader) noexcept -> UserLine {
  auto rest = line;
  if (names_loader) take_word(rest);
  bool has_arguments = false;
  while (has_words(rest)) {
    const auto word = take_word(rest);
    if (ends_kernel_words(word)) {
      const auto kernel_size = line.size() - rest.size() - word.size();
      return {line.substr(0, kernel_size), line.substr(kernel_size), true};
    }
    has_arguments = has_arguments || !is_variable(word);
  }
  return {line, {}, has_arguments};
}

// Whether a word sets the variable of "KEY=value".
auto sets(std::string_view word, const TomlText& variable) noexcept -> bool {
  ShellCharacters characters{word};
  if (!characters.take(kVariable)) return false;
  TomlBytes bytes{variable};
  while (const auto byte = bytes.next()) {
    if (characters.next() != *byte) return false;
    if (*byte == '=') return true;
  }
  return false;
}

auto is_set_in(std::string_view line, const TomlText& variable) noexcept -> bool {
  while (has_words(line)) {
    if (sets(take_word(line), variable)) return true;
  }
  return false;
}

// "KEY=value", not "=value".
auto is_well_formed(const TomlText& variable) noexcept -> bool {
  TomlBytes bytes{variable};
  if (bytes.next() == '=') return false;
  while (const auto byte = bytes.next()) {
    if (*byte == '=') return true;
  }
  return false;
}

}  // namespace

auto add_image_arguments(std::string_view user_line, bool names_loader, const ImageConfig& config,
                         std::span<char> room) noexcept -> Result<std::size_t> {
  const auto user = split(user_line, names_loader);
  Writer writer{room};
  writer.put(user.kernel);
  if (!user.has_arguments) {
    auto words = config.kernel_args;
    while (const auto word = words.next()) {
      // Quotes do not help: the kernel would take the following variables as arguments of the application.
      if (*word == entry::kEndOfKernelWords)
        return failure("the image's kernel_args contain '--', which would end them");
      writer.put_word("", *word);
    }
  }
  // Of two variables with the same name, the first counts.
  const auto variables_at = writer.text().size();
  auto variables = config.env_vars;
  while (const auto variable = variables.next()) {
    if (!is_well_formed(*variable) || is_set_in(user.kernel, *variable)) continue;
    if (!is_set_in(writer.text().substr(variables_at), *variable)) writer.put_word(kVariable, *variable);
  }
  if (!user.rest.empty()) {
    writer.put_separator();
    writer.put(user.rest);
  }
  if (!user.has_arguments) {
    auto words = config.app_args;
    auto word = words.next();
    if (word) writer.put_word("--", {});
    for (; word; word = words.next()) writer.put_word("", *word);
  }
  if (writer.is_full()) {
    return failure("the command line, with the arguments and variables of the image, is too long");
  }
  return writer.text().size();
}

}  // namespace hermitage::loader
