#include "hermitage/base/arguments.hpp"

#include <algorithm>
#include <utility>

#include "hermitage/entry/shell_word.hpp"
#include "hermitage/entry/utf8.hpp"

namespace hermitage::base {
namespace {

using Outcome = OrInvalid<void>;

auto wrong(std::string text) -> std::unexpected<InvalidValue> {
  return invalid(InvalidValue::Code::arguments, std::move(text));
}

class CommandLine {
 public:
  auto add(std::string_view word) -> Outcome {
    if (!entry::is_utf8(word)) {
      return wrong("'" + std::string{word} + "' is not UTF-8; a kernel accepts only UTF-8");
    }
    if (!text_.empty()) text_ += ' ';
    auto quoted = shell_quoted(word);
    const bool is_loaders = quoted.starts_with(entry::kLoaderWordBeginning);
    text_ += is_loaders ? "'" + quoted + "'" : quoted;
    return {};
  }

  [[nodiscard]] auto take() -> std::string { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

auto shell_quoted(std::string_view word) -> std::string {
  if (!word.empty() && std::ranges::all_of(word, entry::needs_no_quotes)) return std::string{word};
  std::string quoted = "'";
  for (const char character : word) {
    if (character == '\'') {
      quoted += R"('\'')";
    } else {
      quoted += character;
    }
  }
  return quoted + "'";
}

auto boot_arguments(const Arguments& arguments) -> OrInvalid<std::string> {
  CommandLine line;
  const auto add_all = [&line](const std::vector<std::string>& words, std::string_view prefix) -> Outcome {
    for (const auto& word : words) {
      if (auto added = line.add(std::string{prefix} + word); !added) return added;
    }
    return {};
  };
  // Quoting does not help: the kernel would interpret the environment variables, which follow, as application
  // arguments.
  if (std::ranges::find(arguments.kernel, entry::kEndOfKernelWords) != arguments.kernel.end()) {
    return wrong(
        "the kernel's arguments contain '--', which would end them; application arguments (app_args of an image) do "
        "not need it");
  }
  if (auto added = add_all(arguments.kernel, ""); !added) return std::unexpected{added.error()};
  if (auto added = add_all(arguments.environment, "env="); !added) return std::unexpected{added.error()};
  if (!arguments.application.empty()) {
    if (auto added = line.add(entry::kEndOfKernelWords); !added) return std::unexpected{added.error()};
    if (auto added = add_all(arguments.application, ""); !added) return std::unexpected{added.error()};
  }
  return line.take();
}

}  // namespace hermitage::base
