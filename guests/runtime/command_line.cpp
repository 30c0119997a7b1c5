#include <array>

#include "guests/runtime/device_tree.hpp"
#include "guests/runtime/guest.hpp"
#include "guests/runtime/monitor.hpp"

namespace guest {
namespace {

constexpr std::size_t kMaxWords = 128;

// The storage of the words' characters.
class Storage {
 public:
  auto reserve(std::size_t size) -> char* {
    if (size > bytes_.size() - used_) fail("the command line is too long for this guest");
    char* const place = bytes_.data() + used_;
    used_ += size;
    return place;
  }

 private:
  std::array<char, 64 << 10> bytes_{};
  std::size_t used_ = 0;
};

class Words {
 public:
  void add(std::string_view word) {
    if (size_ == words_.size()) fail("the command line has too many words for this guest");
    words_[size_++] = word;
  }
  [[nodiscard]] auto view() const -> std::span<const std::string_view> { return {words_.data(), size_}; }

 private:
  std::array<std::string_view, kMaxWords> words_{};
  std::size_t size_ = 0;
};

// Only zeros, so it takes no space in the file.
constinit Storage storage{};
constinit Words words{};
constinit Words environment{};
constinit CommandLine the_command_line{};
constinit bool is_made = false;

// Splits like a POSIX shell, and like the crate shlex, which Hermit kernels use.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_{text} {}

  auto next() -> std::optional<std::string_view> {
    skip_space();
    if (at_ == text_.size()) return std::nullopt;
    word_ = storage.reserve(text_.size() - at_);
    size_ = 0;
    while (at_ < text_.size() && !is_space(text_[at_])) {
      const char character = text_[at_++];
      if (character == '\'') {
        single_quoted();
      } else if (character == '"') {
        double_quoted();
      } else if (character == '\\' && at_ < text_.size()) {
        put(text_[at_++]);
      } else {
        put(character);
      }
    }
    return std::string_view{word_, size_};
  }

 private:
  static auto is_space(char character) -> bool { return character == ' ' || character == '\t' || character == '\n'; }
  void put(char character) { word_[size_++] = character; }

  // A `#` at the beginning of a word starts a comment until the end of the line.
  void skip_space() {
    while (at_ < text_.size() && (is_space(text_[at_]) || text_[at_] == '#')) {
      if (text_[at_] == '#') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else {
        ++at_;
      }
    }
  }

  void single_quoted() {
    while (at_ < text_.size() && text_[at_] != '\'') put(text_[at_++]);
    ++at_;
  }

  void double_quoted() {
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        const char escaped = text_[at_ + 1];
        if (escaped == '$' || escaped == '`' || escaped == '"' || escaped == '\\') ++at_;
      }
      put(text_[at_++]);
    }
    ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  char* word_ = nullptr;
  std::size_t size_ = 0;
};

// Parses kernel arguments (only `env=KEY=VALUE` is used), then "--" and the application's arguments.
void from_device_tree() {
  const auto tree = DeviceTree::of_boot_info();
  const auto bootargs = tree ? tree->property("chosen", "bootargs") : std::nullopt;
  if (!bootargs) return;
  constexpr std::string_view kVariable = "env=";
  bool is_application = false;
  Splitter splitter{bootargs->text()};
  while (const auto word = splitter.next()) {
    if (is_application) {
      words.add(*word);
    } else if (*word == "--") {
      is_application = true;
    } else if (word->starts_with(kVariable)) {
      environment.add(word->substr(kVariable.size()));
    }
  }
}

#if defined(__x86_64__)
// Allocates space for `count` strings of these sizes, and writes their addresses to `places`.
void reserve(std::span<const std::int32_t> sizes, std::span<kernel::uhyve::Gpa> places) {
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 1) fail("the monitor told a size below 1 for a text that ends with a NUL");
    places[i] = kernel::gpa_of(storage.reserve(static_cast<std::size_t>(sizes[i])));
  }
}

auto text_at(kernel::uhyve::Gpa place, std::int32_t size) -> std::string_view {
  const std::string_view text{reinterpret_cast<const char*>(place), static_cast<std::size_t>(size)};
  const auto end = entry::index_of(text, '\0');
  if (end == text.size()) fail("the monitor passed a text without a NUL at its end");
  return text.substr(0, end);
}

constinit kernel::uhyve::v1::CmdsizeParams sizes{};
constinit std::array<kernel::uhyve::Gpa, kernel::uhyve::v1::kMaxArguments> arguments{};
constinit std::array<kernel::uhyve::Gpa, kernel::uhyve::v1::kMaxArguments> variables{};

auto count(std::int32_t value) -> std::size_t {
  if (value < 0 || static_cast<std::size_t>(value) > arguments.size()) fail("the monitor told an impossible count");
  return static_cast<std::size_t>(value);
}

void from_hypercalls() {
  using kernel::v1::Hypercall;
  kernel::v1::hypercall(Hypercall::cmdsize, sizes);
  std::array<std::int32_t, kernel::uhyve::v1::kMaxArguments> argument_sizes;
  std::array<std::int32_t, kernel::uhyve::v1::kMaxArguments> variable_sizes;
  for (std::size_t i = 0; i < argument_sizes.size(); ++i) {
    argument_sizes[i] = sizes.argsz[i];
    variable_sizes[i] = sizes.envsz[i];
  }
  const auto argc = count(sizes.argc);
  const auto envc = count(sizes.envc);
  reserve(std::span{argument_sizes}.first(argc), arguments);
  reserve(std::span{variable_sizes}.first(envc), variables);
  kernel::uhyve::v1::CmdvalParams params{.argv = kernel::gpa_of(arguments.data()),
                                         .envp = kernel::gpa_of(variables.data())};
  kernel::v1::hypercall(Hypercall::cmdval, params);
  for (std::size_t i = 0; i < argc; ++i) {
    const auto word = text_at(arguments[i], argument_sizes[i]);
    if (i == 0) {
      the_command_line.path = word;
    } else {
      words.add(word);
    }
  }
  // A monitor may append empty variables: an old kernel's C library needs one at the end of its environment.
  for (std::size_t i = 0; i < envc; ++i) {
    if (const auto variable = text_at(variables[i], variable_sizes[i]); !variable.empty()) environment.add(variable);
  }
}
#endif

void make_command_line() {
#if defined(__x86_64__)
  if (has_monitor() && interface == 1) return from_hypercalls();
#endif
  from_device_tree();
}

}  // namespace

auto command_line() -> const CommandLine& {
  if (!is_made) {
    is_made = true;
    make_command_line();
    the_command_line.words = words.view();
    the_command_line.environment = environment.view();
  }
  return the_command_line;
}

auto argument(std::size_t index) -> std::optional<std::string_view> {
  auto given = command_line().words;
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (given[i] == "--") {
      given = given.subspan(i + 1);
      break;
    }
  }
  if (index >= given.size()) return std::nullopt;
  return given[index];
}

auto number(std::string_view text) -> std::optional<std::int64_t> {
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::int64_t value = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    value = value * 10 + (digit - '0');
  }
  return is_negative ? -value : value;
}

}  // namespace guest
