// What a demangled name says about where it comes from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hermitage::inspect {

// How rustc makes a name of a path. Only v0 names have the arguments of generics.
enum class Mangling : bool { legacy, v0 };

// The function that a demangled Rust name belongs to: of a v0 name without arguments of generics (`f::<u8>` → `f`), and
// for a closure, or something within one, the function around it (`f::{{closure}}::g` → `f`).
[[nodiscard]] auto function_path(std::string_view demangled, Mangling mangling) -> std::string;

// The crate of a Rust path, which is its first segment. For `<T as Trait>::f` it is that of the type; for a type of the
// language, of core, alloc or std, or a parameter of a generic it is that of the trait. Empty when the path names no
// crate, as `main` does.
[[nodiscard]] auto crate_of(std::string_view path) -> std::string_view;

// The crates of all paths within a path, such as those of the types in `<a::T as b::U<c::V>>::f`; but not of itself,
// when it begins with a crate's name.
[[nodiscard]] auto crates_within(std::string_view path) -> std::vector<std::string_view>;

// What of `path` is behind `hermit::`, when that can be the prefix that Hermit's build puts before all names of the
// kernel's library: `hermit::` and a path whose first segment is known to be a crate. Otherwise `path` itself.
template <class IsCrate>
[[nodiscard]] auto without_kernel_prefix(std::string_view path, IsCrate is_crate) -> std::string_view {
  constexpr std::string_view kPrefix = "hermit::";
  if (!path.starts_with(kPrefix)) return path;
  const auto rest = path.substr(kPrefix.size());
  if (rest.starts_with('<')) return rest;
  const auto end = rest.find("::");
  return end != std::string_view::npos && is_crate(rest.substr(0, end)) ? rest : path;
}

}  // namespace hermitage::inspect
