#include "hermitage/vmm/arguments.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "hermitage/entry/uhyve_interface.hpp"
#include "hermitage/vmm/utf8.hpp"

namespace hermitage::vmm {
namespace {

// Kernels of 2024 leave out the NULL that ends the environment, and read whatever the heap has there. With a vector of
// at least this many variables it is fresh memory, which is zero; the remains of smaller, freed blocks are not.
constexpr std::size_t kLeastVariables = 8;

auto needs_no_quotes(char character) -> bool {
  constexpr std::string_view kSafe = "%+,-./:=@_";
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || kSafe.find(character) != std::string_view::npos;
}

class CommandLine {
 public:
  auto add(std::string_view word) -> Result<void> {
    if (!is_utf8(word)) {
      return fail(ErrorCode::configuration, fmt::format("'{}' is not UTF-8, which is all that a kernel takes", word));
    }
    if (!text_.empty()) text_ += ' ';
    text_ += shell_quoted(word);
    return {};
  }

  [[nodiscard]] auto take() -> std::string { return std::move(text_); }

 private:
  std::string text_;
};

auto too_many(std::string_view what) -> std::unexpected<Error> {
  return fail(ErrorCode::configuration,
              fmt::format("a guest of Uhyve interface 1 takes at most {} {}", entry::uhyve::v1::kMaxArguments, what));
}

}  // namespace

auto shell_quoted(std::string_view word) -> std::string {
  if (!word.empty() && std::ranges::all_of(word, needs_no_quotes)) return std::string{word};
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

auto boot_arguments(const Arguments& arguments) -> Result<std::string> {
  CommandLine line;
  const auto add_all = [&line](const std::vector<std::string>& words, std::string_view prefix) -> Result<void> {
    for (const auto& word : words) {
      if (auto added = line.add(fmt::format("{}{}", prefix, word)); !added) return added;
    }
    return {};
  };
  if (auto added = add_all(arguments.kernel, ""); !added) return std::unexpected{added.error()};
  if (auto added = add_all(arguments.environment, "env="); !added) return std::unexpected{added.error()};
  if (!arguments.application.empty()) {
    if (auto added = line.add("--"); !added) return std::unexpected{added.error()};
    if (auto added = add_all(arguments.application, ""); !added) return std::unexpected{added.error()};
  }
  return line.take();
}

auto argument_vectors(const Arguments& arguments) -> Result<ArgumentVectors> {
  ArgumentVectors vectors;
  vectors.arguments.push_back(arguments.program);
  vectors.arguments.insert(vectors.arguments.end(), arguments.application.begin(), arguments.application.end());
  vectors.environment = arguments.environment;
  if (vectors.arguments.size() > entry::uhyve::v1::kMaxArguments) return too_many("words, the image's path included");
  if (vectors.environment.size() > entry::uhyve::v1::kMaxArguments) return too_many("environment variables");
  vectors.environment.resize(std::max(vectors.environment.size(), kLeastVariables));
  return vectors;
}

}  // namespace hermitage::vmm
