#include "hermitage/inspect/rust_path.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace hermitage::inspect {
namespace {

constexpr std::array<std::string_view, 3> kStandardCrates{"core", "alloc", "std"};

auto is_standard(std::string_view crate) -> bool {
  return std::ranges::find(kStandardCrates, crate) != kStandardCrates.end();
}

auto is_identifier(std::string_view text) -> bool {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !text.empty() && is_letter(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || is_digit(c); });
}

// Iterates over a text, and counts the depth of brackets. `->` is not a bracket.
class Brackets {
 public:
  void pass(char character) {
    if (character == '<' || character == '(' || character == '[' || character == '{') ++depth_;
    const bool is_arrow = character == '>' && last_ == '-';
    const bool closes = character == '>' || character == ')' || character == ']' || character == '}';
    if (closes && !is_arrow && depth_ > 0) --depth_;
    last_ = character;
  }

  [[nodiscard]] auto depth() const -> std::size_t { return depth_; }

 private:
  std::size_t depth_ = 0;
  char last_ = 0;
};

// The index at which the bracket at the beginning of the text closes, or the size of the text.
auto end_of_bracket(std::string_view text) -> std::size_t {
  Brackets brackets;
  for (std::size_t at = 0; at < text.size(); ++at) {
    brackets.pass(text[at]);
    if (brackets.depth() == 0) return at;
  }
  return text.size();
}

// The index of the first `wanted` outside of brackets, or npos.
auto find_outside(std::string_view text, std::string_view wanted) -> std::size_t {
  Brackets brackets;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (brackets.depth() == 0 && text.substr(at).starts_with(wanted)) return at;
    brackets.pass(text[at]);
  }
  return std::string_view::npos;
}

// The type from its first path on: `&mut [alloc::string::String]` begins with a path of alloc.
auto inner_type(std::string_view type) -> std::string_view {
  constexpr std::array<std::string_view, 9> kBefore{"&", "*const ", "*mut ", "mut ", "dyn ", "[", "(", " ", "<"};
  for (std::size_t i = 0; i < kBefore.size();) {
    if (!type.starts_with(kBefore[i])) {
      ++i;
      continue;
    }
    type.remove_prefix(kBefore[i].size());
    i = 0;
  }
  return type;
}

// The first segment of a path with several segments.
auto first_segment(std::string_view path) -> std::string_view {
  const auto segment = path.substr(0, path.find("::"));
  return segment.size() < path.size() && is_identifier(segment) ? segment : std::string_view{};
}

auto crate_of_type(std::string_view type) -> std::string_view {
  return first_segment(inner_type(type));
}

// For `T as Trait`, `impl Trait for T` or `T`.
auto crate_of_implementation(std::string_view text) -> std::string_view {
  auto type = text;
  std::string_view trait;
  if (text.starts_with("impl ")) {
    trait = text.substr(5);
    const auto middle = find_outside(trait, " for ");
    if (middle == std::string_view::npos) return crate_of_type(trait);
    type = trait.substr(middle + 5);
  } else if (const auto middle = find_outside(text, " as "); middle != std::string_view::npos) {
    type = text.substr(0, middle);
    trait = text.substr(middle + 4);
  }
  const auto of_type = crate_of_type(type);
  if (!of_type.empty() && !is_standard(of_type)) return of_type;
  const auto of_trait = crate_of_type(trait);
  if (!of_trait.empty()) return of_trait;
  // The methods of a built-in type are in core.
  return of_type.empty() ? std::string_view{"core"} : of_type;
}

}  // namespace

auto function_path(std::string_view demangled, Mangling mangling) -> std::string {
  std::string path;
  while (!demangled.empty()) {
    const bool is_segment = demangled.starts_with("::");
    const auto rest = demangled.substr(is_segment ? 2 : 0);
    if (is_segment && (rest.starts_with("{{closure}}") || rest.starts_with("{closure"))) break;
    // Neither `<T as Trait>` at the beginning nor `<impl Trait for T>`.
    const bool are_arguments =
        mangling == Mangling::v0 && is_segment && rest.starts_with('<') && !rest.starts_with("<impl ");
    if (are_arguments) {
      demangled = rest.substr(std::min(rest.size(), end_of_bracket(rest) + 1));
      continue;
    }
    const bool is_bracket = rest.starts_with('<') || rest.starts_with('{');
    const auto size = is_bracket ? std::min(rest.size(), end_of_bracket(rest) + 1) : rest.empty() ? 0 : 1;
    const auto taken = demangled.size() - rest.size() + size;
    path += demangled.substr(0, taken);
    demangled.remove_prefix(taken);
  }
  return path;
}

auto crate_of(std::string_view path) -> std::string_view {
  if (!path.starts_with('<')) return first_segment(path);
  // `<<T as A>::B as C>::f` belongs to T, or to A.
  while (path.starts_with("<<")) path.remove_prefix(1);
  return crate_of_implementation(path.substr(1, end_of_bracket(path) - 1));
}

auto crates_within(std::string_view path) -> std::vector<std::string_view> {
  constexpr std::string_view kBefore = "<([{&, ";  // a path after one of these is inside another
  std::vector<std::string_view> crates;
  for (auto at = path.find_first_of(kBefore); at != std::string_view::npos; at = path.find_first_of(kBefore, at)) {
    const auto end = path.find_first_of("<([{&, :", ++at);
    if (end == std::string_view::npos) break;
    const auto name = path.substr(at, end - at);
    if (path.substr(end).starts_with("::") && is_identifier(name)) crates.push_back(name);
  }
  return crates;
}

}  // namespace hermitage::inspect
